/**
 * Thousands of clients that stay connected whatever happens, in processes of their own: what a process may have open is
 * bounded, and reading is not on the server's account. What they see is added up over all.
 */
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "./child.ts";
import type { Away, MemberOptions, Seen } from "./flock-member.ts";
import { Latencies } from "./latencies.ts";

export type FlockOptions = {
  members: MemberOptions[];
  /** Connections that one process begins in a second. */
  connectsPerSecond?: number;
};

/** What all of them have seen since they were gathered. */
export type FlockSeen = Omit<Seen, "late" | "replayed"> & { late: Latencies; replayed: Latencies };

export type Asked = { gather: FlockOptions } | { talk: boolean } | "see" | "forget";
export type Said = { seen: Seen } | { done: true } | { error: string };

type FlockChild = Child<Asked, Said>;

/** Sockets of one process: far below what it may open, few enough to be no bottleneck of its own. */
const PER_PROCESS = 1_250;
const MEMBER_FILE = fileURLToPath(new URL("./flock-process.ts", import.meta.url));

export class Flock {
  readonly #children: FlockChild[];

  private constructor(children: FlockChild[]) {
    this.#children = children;
  }

  /** Resolves when everyone listens to all of their channels. */
  static async gather({ members, ...options }: FlockOptions): Promise<Flock> {
    const shares: MemberOptions[][] = [];
    for (let from = 0; from < members.length; from += PER_PROCESS)
      shares.push(members.slice(from, from + PER_PROCESS));
    const flock = new Flock(shares.map(() => startChild<Asked, Said>(MEMBER_FILE)));
    try {
      await Promise.all(
        flock.#children.map((child, i) => child.ask({ gather: { ...options, members: shares[i]! } })),
      );
    } catch (error) {
      flock.stop();
      throw error;
    }
    return flock;
  }

  /** Those who have something to say begin, or end. */
  async talk(on: boolean): Promise<void> {
    await this.#askAll({ talk: on });
  }

  /** What was seen so far does not count: sent, delivered, late and away begin at nothing. */
  async forget(): Promise<void> {
    await this.#askAll("forget");
  }

  async see(): Promise<FlockSeen> {
    const [late, replayed] = [new Latencies(), new Latencies()];
    const all: FlockSeen = { ...NOTHING, failed: [], aways: [], closings: [], late, replayed };
    for (const said of await this.#askAll("see")) {
      if (!("seen" in said)) throw new Error("a flock's process answered something else");
      addUp(all, said.seen);
    }
    return all;
  }

  /** Looks until `holds`, or until the time is over; answers what it saw last. */
  async until(holds: (seen: FlockSeen) => boolean, withinMs: number): Promise<FlockSeen> {
    const deadlineMs = performance.now() + withinMs;
    for (;;) {
      const seen = await this.see();
      if (holds(seen) || performance.now() > deadlineMs) return seen;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  stop(): void {
    for (const child of this.#children) child.stop();
  }

  #askAll(asked: Asked) {
    return Promise.all(this.#children.map((child) => child.ask(asked)));
  }
}

const LOOK_MS = 250;
const NOTHING = {
  sent: 0,
  acked: 0,
  refused: 0,
  delivered: 0,
  expected: 0,
  wrong: 0,
  notReady: 0,
  notListening: 0,
};

function addUp(all: FlockSeen, seen: Seen): void {
  for (const key of Object.keys(NOTHING) as (keyof typeof NOTHING)[]) all[key] += seen[key];
  all.failed.push(...seen.failed);
  all.aways.push(...seen.aways);
  all.closings.push(...seen.closings);
  for (const [ms, times] of seen.late) all.late.add(ms, times);
  for (const [ms, times] of seen.replayed) all.replayed.add(ms, times);
}

/** Percentiles of what `ms` says of each time that someone was away; those of whom it says nothing do not count. */
export function overAways(aways: readonly Away[], ms: (away: Away) => number | undefined) {
  const latencies = new Latencies();
  for (const away of aways) {
    const value = ms(away);
    if (value !== undefined) latencies.add(value);
  }
  return latencies.percentiles();
}
