import { expect, it } from "vitest";
import type { ShardStatus } from "../ports.ts";
import { plain } from "./paint.ts";
import { renderShards } from "./shards.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 14, 3, 20);
const SHARDS: ShardStatus[] = [
  { shard: 0, owner: "node-0.a", served: true, epoch: 3, channels: 2, load: 1 },
  { shard: 1, owner: "node-0.a", served: true, epoch: 3, channels: 5, load: 900 },
  { shard: 2, owner: "node-0.a", to: "node-1.b", served: true, epoch: 4, channels: 1, load: 0 },
  { shard: 3, served: false },
  { shard: 5, to: "node-1.b", served: false }, // its owner died
  { shard: 4, owner: "node-10.c", served: true, epoch: 1, channels: 0, load: 7.5 },
];

function page(rows: number, trouble?: string): string {
  return renderShards(SHARDS, trouble, { columns: 80, rows }, NOW_MS, plain).join("\n");
}

it("shows what nobody serves, what moves, then the hottest", () => {
  expect(page(40)).toBe(`Hubbub shards   14:03:20Z   q quits

6 shards; 1 on the move; 2 served by nobody

owner     shards  channels  load/s
(nobody)       2         0       0
node-0         3         8     901
node-10        1         0     7.5

shard  owner     state       epoch  channels  load/s
    3  (nobody)  not served      -         -       -
    5  node-1    not served      -         -       -
    2  node-0    to node-1       4         1       0
    1  node-0    served          3         5     900
    4  node-10   served          1         0     7.5
    0  node-0    served          3         2       1`);
});

it("fits the terminal, and says while nobody answers", () => {
  expect(page(12).split("\n")).toHaveLength(12);
  expect(page(40, "No node answers.").split("\n")[2]).toBe("✘ No node answers.");
});
