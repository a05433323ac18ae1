/** What a fault is to the harness. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Ground } from "./ground.ts";
import type { Draw } from "./plan.ts";

export type Fault = {
  /** For people: what happens, in a few words. */
  says: string;
  /** What it has in its hands: two faults of one run never have the same store in theirs. */
  on: "node" | "nodes" | "clients" | "redis" | "postgres" | "everything";
  /** Needs a proxy before every connection. */
  wired?: true;
  /** Nodes get so little memory. */
  heapMib?: number;
  /** Resolves when its cause is over, and as many nodes live as before. */
  run(ground: Ground, draw: Draw): Promise<void>;
};

export type Faults = Readonly<Record<string, Fault>>;

/** A fault lasts from before a lease runs out to well behind it: 6 s. */
const LASTS_MS = [2_000, 12_000] as const;

/** Waits for as long as the seed says. */
export function aWhile(draw: Draw, [least, most]: readonly [number, number] = LASTS_MS): Promise<void> {
  return sleep(draw.between(least, most));
}
