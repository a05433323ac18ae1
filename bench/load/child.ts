/** A process that is asked one thing after another, and answers each. */
import { fork } from "node:child_process";

export type Child<Asked, Said> = {
  /** Rejects where the child says `error`, or is gone. */
  ask(asked: Asked): Promise<Exclude<Said, { error: string }>>;
  stop(): void;
};

/** `file`: a module that answers each message with one. It ends with us. */
export function startChild<Asked extends object | string, Said extends object>(
  file: string,
): Child<Asked, Said> {
  const child = fork(file, [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const end = () => child.kill();
  process.once("exit", end);
  let answered: ((said: Said | { error: string }) => void) | undefined;
  child.on("message", (said: Said) => answered?.(said));
  child.on("close", () => answered?.({ error: `${file} is gone` }));
  let last: Promise<unknown> = Promise.resolve();
  const askNow = async (asked: Asked) => {
    const said = await new Promise<Said | { error: string }>((resolve, reject) => {
      answered = resolve;
      child.send(asked, (error) => error && reject(error));
    });
    if ("error" in said) throw new Error(String(said.error));
    return said as Exclude<Said, { error: string }>;
  };
  return {
    ask(asked) {
      const said = last.then(() => askNow(asked));
      last = said.catch(() => {});
      return said;
    },
    stop() {
      process.off("exit", end);
      child.kill();
    },
  };
}
