/** Rounds of faults in the order of a seed, under load, on three nodes; then the verdict of the checker in one line. */
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Kind } from "../checker/findings.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { Storm } from "./storm.ts";

const ROUNDS = Number(process.env.ROUNDS ?? 8);
const SEED = Number(process.env.SEED ?? 1);
/** A fault, a take-over, and a node's start, many times over. */
const ROUND_WITHIN_MS = 120_000;

const LOST: Kind[] = ["lost", "missing_seq", "not_stored", "gap", "stale", "sync_hole"];
const DOUBLED: Kind[] = ["stored_twice", "sequenced_twice", "two_first_acks", "two_answers", "duplicate"];
const DISORDER: Kind[] = [
  "fork",
  "disorder",
  "acked_out_of_order",
  "acked_elsewhere",
  "epoch_back",
  "time_back",
];
/** What was heard and told at the end is not one and the same. */
const UNLIKE: Kind[] = [
  "miscounted",
  "change_lost",
  "not_held",
  "not_served",
  "unlike_text",
  "unlike_deletion",
  "unlike_reactions",
  "unlike_pins",
  "unlike_thread",
  "unlike_unread",
  "unlike_otherwise",
];

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => stopAudited(cluster));

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

it(`keeps every promise through ${ROUNDS} rounds of seed ${SEED}`, {
  timeout: ROUNDS * ROUND_WITHIN_MS,
}, async () => {
  const storm = await Storm.start(cluster);
  const { chatter, faults } = storm;
  const names = Object.keys(faults);
  const random = generator(SEED);
  const pauses: number[] = [];
  chatter.talk();
  await chatter.untilAcked(120);
  for (let round = 1; round <= ROUNDS; round++) {
    const name = names[random() % names.length]!;
    const startedAtMs = performance.now();
    await faults[name]!(random());
    await chatter.untilAllAcked(chatter.channelIds, performance.now());
    await chatter.untilAcked(60);
    const pauseMs = Math.round(chatter.longestPauseMs(chatter.channelIds, startedAtMs));
    pauses.push(pauseMs);
    console.log(`round ${round}: ${name}; longest pause of a channel ${pauseMs} ms`);
  }
  const { seen, counts, violations } = await chatter.report();
  const sum = (kinds: Kind[]) => kinds.reduce((total, kind) => total + (counts[kind] ?? 0), 0);
  const verdict = `acked ${seen.acks}, heard ${seen.deliveries}, lost ${sum(LOST)}, doubled ${sum(DOUBLED)}, disorder ${sum(DISORDER)}; changed ${seen.changes}, folds ${seen.folds}, unlike ${sum(UNLIKE)}`;
  console.log(`seed ${SEED}, ${ROUNDS} rounds: ${verdict}; longest pause ${Math.max(...pauses)} ms`);
  expect(violations, JSON.stringify(counts)).toEqual([]);
  expect(chatter.recorder.tally.failed).toEqual([]);
});
