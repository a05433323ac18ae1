/** Another version of Hubbub, taken out of git and made ready to run beside this one. */
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { removeDir, temporaryDir } from "../support/temporary.ts";

const ROOT = join(import.meta.dirname, "..", "..");

export type Older = {
  /** Its `src/main.ts`. */
  readonly main: string;
  remove(): void;
};

/** Why it cannot be had here: no git, or no such tag; undefined where it can. */
export function missing(tag: string): string | undefined {
  try {
    execFileSync("git", ["rev-parse", "--verify", "--quiet", `${tag}^{commit}`], {
      cwd: ROOT,
      stdio: "ignore",
    });
    return undefined;
  } catch (error) {
    return `git knows no ${tag}: ${(error as Error).message}`;
  }
}

/** Its files in a folder of their own, with our packages where they are those that it was locked to, else with its own. */
export function takeOut(tag: string): Older {
  const dir = temporaryDir("older");
  const archive = execFileSync("git", ["archive", tag], { cwd: ROOT, maxBuffer: 1 << 28 });
  execFileSync("tar", ["x", "-C", dir], { input: archive });
  if (areOurs(dir)) symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
  else execFileSync("npm", ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: dir });
  return { main: join(dir, "src", "main.ts"), remove: () => removeDir(dir) };
}

type Lock = { packages: Record<string, { version?: string }> };

function areOurs(dir: string): boolean {
  const [its, ours] = [dir, ROOT].map(
    (root) => (JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock).packages,
  );
  return Object.entries(its!).every(([path, { version }]) => path === "" || ours![path]?.version === version);
}
