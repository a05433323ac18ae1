/** `npm run faults -- --rounds N --seed S`: the same faults as the cluster tests, many and in any order. Exit code 1 where a promise broke. */
import { spawn } from "node:child_process";
import { Command, InvalidArgumentError } from "commander";

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("It must be a whole number above 0.");
  return value;
}

const { rounds, seed } = new Command("npm run faults --")
  .description(
    "Breaks nodes and stores of a cluster of three under load, one after another, and judges what all clients saw.",
  )
  .option("--rounds <n>", "faults", count, 8)
  .option("--seed <n>", "which faults, in which order", count, 1)
  .parse()
  .opts<{ rounds: number; seed: number }>();

const env = { ...process.env, ROUNDS: String(rounds), SEED: String(seed) };
spawn("vitest", ["run", "--config", "test/faults/vitest.config.ts"], { stdio: "inherit", env }).once(
  "exit",
  (code) => {
    process.exitCode = code ?? 1;
  },
);
