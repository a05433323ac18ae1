/** What is kept of a run that failed: logs of nodes and stores, the whole history, and the shortest part that shows each violation. */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HistoryRecord } from "../checker/history.ts";
import type { Ground } from "./ground.ts";
import { namesOf, type Plan, replayOf } from "./plan.ts";
import { shortest } from "./shortest.ts";

/** Violations of which the shortest history is looked for: the first explain the rest. */
const EXPLAINED_MAX = 3;
/** Lines of a shortest history that are printed; all of them are kept. */
const PRINTED_MAX = 40;

/** Where the run is kept, under `keepIn`. */
export const folderOf = (plan: Plan, keepIn: string): string =>
  join(keepIn, `${plan.seed}-${namesOf(plan).replaceAll(",", "+")}`);

/** Writes everything down before the cluster is cleared away, and prints what a person needs first. */
export async function keep(
  ground: Ground,
  plan: Plan,
  violations: readonly string[],
  keepIn: string,
): Promise<void> {
  const folder = folderOf(plan, keepIn);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { cluster, chatter } = ground;
  cpSync(cluster.logDir, join(folder, "nodes"), { recursive: true });
  for (const log of [join(cluster.redis.dir, "redis.log"), join(cluster.postgres.dir, "server.log")])
    if (existsSync(log)) cpSync(log, join(folder, log.endsWith("redis.log") ? "redis.log" : "postgres.log"));
  writeFileSync(join(folder, "plan.json"), JSON.stringify({ ...plan, replay: replayOf(plan) }, null, 2));
  writeFileSync(join(folder, "violations.txt"), violations.join("\n"));
  console.log(`✘ seed ${plan.seed}, ${namesOf(plan)}: ${violations.length} violations; kept in ${folder}`);
  console.log(`  again: ${replayOf(plan)}`);
  for (const says of violations.slice(0, EXPLAINED_MAX)) console.log(`  ${says}`);
  const judged = chatter?.judged;
  if (judged === undefined) return;
  writeFileSync(join(folder, "history.jsonl"), lines(judged.history));
  for (const [i, violation] of judged.report.violations.slice(0, EXPLAINED_MAX).entries()) {
    const part = shortest(judged.history, violation);
    writeFileSync(join(folder, `shortest-${i + 1}.jsonl`), lines(part));
    console.log(`  ${violation.says}: ${part.length} records show it`);
    console.log(lines(part.slice(0, PRINTED_MAX)).replaceAll(/^/gm, "    "));
  }
}

const lines = (records: readonly HistoryRecord[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("");
