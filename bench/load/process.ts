/** The load generator as a process of its own, so that its CPU is not the server's: options as JSON in, phases and result out. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { generate, type LoadOptions, type LoadPhase, type LoadResult } from "./generate.ts";

type Said = { phase: LoadPhase } | { result: LoadResult } | { error: string };

/** Runs `generate` in a child. `onPhase` is awaited by nobody: take what you need quickly. */
export async function generateApart(
  options: LoadOptions,
  onPhase: (phase: LoadPhase) => void,
): Promise<LoadResult> {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  let result: LoadResult | undefined;
  let error = "the load generator ended without a result";
  child.on("message", (said: Said) => {
    if ("phase" in said) onPhase(said.phase);
    else if ("result" in said) result = said.result;
    else error = said.error;
  });
  const end = () => child.kill();
  process.once("exit", end);
  await once(child, "close");
  process.off("exit", end);
  if (result === undefined) throw new Error(error);
  return result;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined) {
  const say = (said: Said) => process.send?.(said);
  try {
    const options = JSON.parse(process.argv[2]!) as LoadOptions;
    say({ result: await generate(options, (phase) => say({ phase })) });
  } catch (error) {
    say({ error: error instanceof Error ? error.message : String(error) });
  }
  process.disconnect?.();
}
