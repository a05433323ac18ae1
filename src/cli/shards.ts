/** `hubbub shards`. */
import type { ShardStatus } from "../ports.ts";
import { askAdmin } from "./admin-api.ts";
import { type Paint, paintFor } from "./paint.ts";
import { table } from "./table.ts";
import { clockTime, count, nameOf, plural } from "./units.ts";
import type { Size } from "./watch/page.ts";
import { watch } from "./watch/watch.ts";

type Answer = { shards: ShardStatus[] };

/** A page that is drawn every second does not wait longer for a node that hangs. */
const WATCH_ANSWER_WITHIN_MS = 2_000;

/** Prints all of them in order, and a table of who has how many. */
export async function showShards({ json = false }: { json?: boolean }): Promise<void> {
  const { shards } = await askAdmin<Answer>("/shards");
  if (json) return console.log(JSON.stringify(shards, undefined, 2));
  const paint = paintFor(process.stdout);
  console.log(`${shardTable(shards, paint)}\n\n${ownerTable(shards)}\n\n${summaryOf(shards, paint)}`);
}

/** Shows those that are on the move or without an owner, then the hottest, until `q` or Ctrl-C. */
export async function watchShards(options: { json?: boolean }): Promise<void> {
  let known: ShardStatus[] = [];
  let trouble: string | undefined;
  await watch<ShardStatus[]>(
    {
      ask: async () => (await askAdmin<Answer>("/shards", { withinMs: WATCH_ANSWER_WITHIN_MS })).shards,
      take: (answer) => {
        trouble = typeof answer === "string" ? answer : undefined;
        if (typeof answer !== "string") known = answer;
      },
      page: (size, nowMs, paint) => renderShards(known, trouble, size, nowMs, paint),
    },
    options,
  );
}

/** The page of `shards --watch`. Pure. */
export function renderShards(
  shards: readonly ShardStatus[],
  trouble: string | undefined,
  size: Size,
  nowMs: number,
  paint: Paint,
): string[] {
  const keys = Number.isFinite(size.rows) ? `   ${paint("dim", "q quits")}` : "";
  const top = [`${paint("bold", "Hubbub shards")}   ${clockTime(nowMs)}${keys}`, ""];
  if (trouble !== undefined) top.push(paint("bad", `✘ ${trouble}`), "");
  if (shards.length === 0) return top;
  top.push(summaryOf(shards, paint), "", ...ownerTable(shards).split("\n"), "");
  return [...top, ...shardTable(shards.toSorted(byInterest), paint).split("\n")].slice(0, size.rows);
}

type Standing = "unserved" | "moving" | "served";

/** A shard that is handed over has an owner until the next one serves; whom a dead owner's shard is for is no owner yet. */
function standingOf({ owner, to, served }: ShardStatus): Standing {
  if (to === undefined) return served ? "served" : "unserved";
  return owner === undefined ? "unserved" : "moving";
}

/** What is wrong, then what moves, then what is hot. */
function byInterest(a: ShardStatus, b: ShardStatus): number {
  const rank = (shard: ShardStatus) => ["unserved", "moving", "served"].indexOf(standingOf(shard));
  return rank(a) - rank(b) || (b.load ?? 0) - (a.load ?? 0) || a.shard - b.shard;
}

function shardTable(shards: readonly ShardStatus[], paint: Paint): string {
  const rows = shards.map(({ epoch, channels, load, ...place }) => [
    place.shard,
    nameOf(place.owner ?? place.to ?? "(nobody)"),
    stateOf(place, paint),
    epoch ?? "-",
    channels === undefined ? "-" : count(channels),
    load === undefined ? "-" : count(load),
  ]);
  const columns = ["owner", "state"];
  const numbers = ["epoch", "channels", "load/s"].map((number) => ({ number }));
  return table([{ number: "shard" }, ...columns, ...numbers], rows);
}

function stateOf(shard: ShardStatus, paint: Paint): string {
  const standing = standingOf(shard);
  if (standing === "served") return "served";
  return standing === "unserved" ? paint("bad", "not served") : paint("warn", `to ${nameOf(shard.to ?? "")}`);
}

function ownerTable(shards: readonly ShardStatus[]): string {
  const byOwner = Map.groupBy(shards, ({ owner }) => owner);
  const sum = (of: readonly ShardStatus[], what: "channels" | "load") =>
    count(of.reduce((all, shard) => all + (shard[what] ?? 0), 0));
  const rows = [...byOwner]
    .map(([owner, of]) => [
      owner === undefined ? "(nobody)" : nameOf(owner),
      of.length,
      sum(of, "channels"),
      sum(of, "load"),
    ])
    .sort(([a], [b]) => String(a).localeCompare(String(b), "en", { numeric: true }));
  const numbers = ["shards", "channels", "load/s"].map((number) => ({ number }));
  return table(["owner", ...numbers], rows);
}

function summaryOf(shards: readonly ShardStatus[], paint: Paint): string {
  const standings = shards.map(standingOf);
  const moving = standings.filter((standing) => standing === "moving").length;
  const unserved = standings.filter((standing) => standing === "unserved").length;
  const wrong = unserved === 0 ? "" : paint("bad", `; ${count(unserved)} served by nobody`);
  return `${plural(shards.length, "shard")}; ${count(moving)} on the move${wrong}`;
}
