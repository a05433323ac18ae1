import { pino } from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import { LEASE_TTL_MS } from "../lib/lease.ts";
import { LEVEL } from "../lib/level.ts";
import { ClusterLevel } from "./level.ts";
import { LevelRise } from "./level-rise.ts";
import type { LiveNode } from "./nodes.ts";

const old = { id: "old", version: "0.1.0" } as LiveNode;
const present = { id: "new", version: "0.2.0", level: LEVEL } as LiveNode;

let nowMs: number;
let written: string[];
let asked: string[];
let isAway: boolean;
let level: ClusterLevel;
let rise: LevelRise;

beforeEach(() => {
  nowMs = 1_000;
  written = [];
  asked = [];
  isAway = false;
  level = new ClusterLevel();
  rise = new LevelRise({
    control: { raise: async (protocol, to) => void written.push(`redis ${protocol} ${to}`) },
    record: {
      agree: async (facts) => facts,
      async raise({ protocol, level: to }) {
        if (isAway) throw new StoreAway("away");
        written.push(`postgres ${protocol} ${to}`);
      },
    },
    level,
    sendAway: (node) => void asked.push(node),
    logger: pino({ level: "silent" }),
    nowMs: () => nowMs,
  });
});

/** A look of the leader, after `passMs`, and what it writes. */
async function look(nodes: readonly LiveNode[], { isWhole = true, passMs = 0 } = {}): Promise<string[]> {
  nowMs += passMs;
  written = [];
  rise.look(nodes, isWhole);
  await new Promise((resolve) => setImmediate(resolve));
  return written;
}

describe("rule E7: the leader", () => {
  it("leaves all as it is while an old node has a lease, or may have one", async () => {
    expect(await look([old, present])).toEqual([]);
    expect(await look([present], { isWhole: false })).toEqual([]);
    expect(level.current).toBe(1);
  });

  it("shuts the door first, and raises the level when nobody can be on the way any more", async () => {
    expect(await look([present])).toEqual([`postgres ${LEVEL} 1`, `redis ${LEVEL} 1`]);
    expect(await look([present], { passMs: LEASE_TTL_MS - 1 })).toEqual([]);
    expect(level.current).toBe(1);
    expect(await look([present], { passMs: 1 })).toEqual([
      `postgres ${LEVEL} ${LEVEL}`,
      `redis ${LEVEL} ${LEVEL}`,
    ]);
    expect(level.current).toBe(LEVEL);
    level.read(String(LEVEL));
    expect(await look([present], { passMs: LEASE_TTL_MS })).toEqual([]);
  });

  it("waits anew for one that came in before the door was shut, and after another node has led", async () => {
    await look([present]);
    await look([old, present], { passMs: LEASE_TTL_MS });
    expect(await look([present])).toEqual([`postgres ${LEVEL} 1`, `redis ${LEVEL} 1`]);
    rise.begin();
    expect(await look([present], { passMs: LEASE_TTL_MS })).toEqual([
      `postgres ${LEVEL} 1`,
      `redis ${LEVEL} 1`,
    ]);
    expect(level.current).toBe(1);
  });

  it("raises nothing that Postgres does not keep, and goes on when it is back", async () => {
    await look([present]);
    isAway = true;
    expect(await look([present], { passMs: LEASE_TTL_MS })).toEqual([]);
    expect(level.current).toBe(1);
    isAway = false;
    await look([present]);
    expect(level.current).toBe(LEVEL);
  });

  it("tells Redis again what it has forgotten", async () => {
    level.rise(LEVEL);
    expect(await look([present])).toEqual([`redis ${LEVEL} ${LEVEL}`]);
  });

  it("asks a node that comes back from before to leave, and again while it is there", async () => {
    level.rise(LEVEL);
    level.read(String(LEVEL));
    await look([old, present]);
    await look([old, present], { passMs: 100 });
    expect(asked).toEqual(["old"]);
    await look([old, present], { passMs: 10_000 });
    expect(asked).toEqual(["old", "old"]);
  });
});
