/** A shell as a reader of the documents has one before them: commands go in, what is printed is read. */
import { spawn } from "node:child_process";
import { dirname } from "node:path";

/** Much, on a machine that does other things as well. */
const ANSWER_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 20;

export type Terminal = {
  /** Runs commands to their end; resolves with what they printed, stderr included. Rejects when the last one failed. */
  run(commands: string): Promise<string>;
  /** Types a line and does not wait. */
  type(line: string): void;
  /** Resolves when a line was printed that `fits`, after those that were awaited before. */
  line(fits: (line: string) => boolean): Promise<void>;
  /** Ends it and what runs in it. */
  end(): void;
};

/** bash in `cwd`, with our own node first on its PATH. */
export function openTerminal(cwd: string): Terminal {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  const shell = spawn("bash", ["--norc"], { cwd, env, detached: true });
  let output = "";
  let readUpTo = 0;
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const until = async <T>(look: () => T | undefined): Promise<T> => {
    const deadlineMs = performance.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > deadlineMs) throw new Error(`nothing more was printed than:\n${output}`);
      await new Promise((resume) => setTimeout(resume, LOOK_EVERY_MS));
    }
  };
  let runs = 0;
  return {
    async run(commands) {
      const mark = `done-${++runs}:`;
      const from = output.length;
      shell.stdin.write(`{\n${commands}\n} 2>&1\nprintf '\\n%s%s\\n' ${mark} $?\n`);
      const [text, code] = await until(() => {
        const [before, after] = output.slice(from).split(`\n${mark}`);
        return after?.includes("\n") ? ([before!, Number.parseInt(after, 10)] as const) : undefined;
      });
      if (code !== 0) throw new Error(`failed with ${code}:\n${commands}\n${text}`);
      return text;
    },
    type: (line) => void shell.stdin.write(`${line}\n`),
    line: (isIt) =>
      until(() => {
        const lines = output.slice(readUpTo).split("\n").slice(0, -1);
        const at = lines.findIndex(isIt);
        if (at === -1) return undefined;
        readUpTo += lines.slice(0, at + 1).join("\n").length + 1;
        return at;
      }).then(() => {}),
    end() {
      // Its programs too: they are a group of their own.
      if (shell.exitCode === null) process.kill(-shell.pid!, "SIGKILL");
    },
  };
}
