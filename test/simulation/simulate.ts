/**
 * `npm run test:simulation -- --seeds 10000 --from 1`: the cluster of the product on virtual time, between stores that fail.
 * `--off gateAll` puts in a part that breaks one rule; `--prove` shows for each that a seed finds it; `--trace` tells one seed whole.
 */
import { parseArgs } from "node:util";
import { around, type Found, runSeed } from "./run-seeds.ts";
import { type RuleOff, WRONG_PARTS } from "./wrong-parts.ts";

/** Seeds with a violation that are told in full. */
const TOLD_MAX = 3;
const SEEDS = 1_000;
/** A part that breaks a rule must be found within so many. */
const PROVE_SEEDS = 10_000;
const PROGRESS_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    off: { type: "string" },
    prove: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
  },
});

const rules = Object.keys(WRONG_PARTS) as RuleOff[];
const off = (values.off?.split(",") ?? []) as RuleOff[];
for (const rule of off) if (!rules.includes(rule)) throw new Error(`--off is one of ${rules.join(", ")}`);
const from = Number(values.from);
process.exitCode = values.prove ? await prove() : await search();

/** All seeds; those that break a promise are told. */
async function search(): Promise<number> {
  const count = Number(values.seeds ?? SEEDS);
  const sum = { acked: 0, lost: 0, moved: 0, reset: 0, steps: 0 };
  const bad: Found[] = [];
  const kinds = new Map<string, number>();
  const startMs = performance.now();
  let toldMs = startMs;
  for (let seed = from; seed < from + count; seed++) {
    const found = await runSeed(seed, off, values.trace);
    for (const name of ["acked", "lost", "moved", "reset"] as const) sum[name] += found.tally[name];
    sum.steps += found.steps;
    if (values.trace) console.log(found.lines.join("\n"));
    if (found.violations.length > 0) {
      bad.push(found);
      for (const kind of new Set(found.violations.map((one) => one.kind)))
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      if (bad.length <= TOLD_MAX) await tell(seed);
    }
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) continue;
    toldMs = performance.now();
    console.log(`${seed - from + 1} seeds, ${bad.length} with violations`);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  const rate = `${(count / seconds).toFixed(1)} seeds/s, ${Math.round(sum.steps / seconds)} steps/s`;
  console.log(
    `${count} seeds from ${from}${off.length > 0 ? ` without ${off}` : ""}: ${bad.length} with violations, ${rate}`,
  );
  console.log(
    `acks ${sum.acked}; logged and lost with their owner and Redis's tail ${sum.lost}, brought back elsewhere ${sum.moved}; positions told to reset ${sum.reset}`,
  );
  for (const [kind, seeds] of kinds) console.log(`  ${kind}: ${seeds} seeds`);
  if (bad.length > 0) console.log(`  seeds ${bad.slice(0, 20).map(({ seed }) => seed)}`);
  return bad.length > 0 ? 1 : 0;
}

/** The seed once more, with its trace. */
async function tell(seed: number): Promise<void> {
  const { violations, lines } = await runSeed(seed, off, true);
  if (!values.trace) console.log(around(lines).join("\n"));
  for (const { kind, text, atMs } of violations)
    console.log(`seed ${seed} at ${Math.round(atMs)} ms: ${kind}: ${text}`);
  const command = `npm run test:simulation -- --seeds 1 --from ${seed}${off.length > 0 ? ` --off ${off}` : ""} --trace`;
  console.log(`replay: ${command}\n`);
}

/** Each rule off by itself, until a seed shows it. */
async function prove(): Promise<number> {
  let unproved = 0;
  for (const rule of off.length > 0 ? off : rules) {
    const startMs = performance.now();
    const seed = await firstBad(rule);
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    const name = `${rule} (${WRONG_PARTS[rule].rule}: ${WRONG_PARTS[rule].wrong})`;
    if (seed === undefined) unproved++;
    console.log(
      seed
        ? `${name}: ${seed.seed}, ${seed.violations[0]!.kind}, ${seconds} s`
        : `${name}: NOT FOUND in ${PROVE_SEEDS} seeds`,
    );
  }
  return unproved > 0 ? 1 : 0;
}

async function firstBad(rule: RuleOff): Promise<Found | undefined> {
  for (let seed = from; seed < from + Number(values.seeds ?? PROVE_SEEDS); seed++) {
    const found = await runSeed(seed, [rule]);
    if (found.violations.length > 0) return found;
  }
  return undefined;
}
