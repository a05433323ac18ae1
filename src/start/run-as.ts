/** Postgres refuses to run as root: whom to be instead. */
import { execFileSync, spawnSync } from "node:child_process";
import { codeOf, Trouble } from "../lib/trouble.ts";

/**
 * `self`: as we are. `user`: as another user of this machine, who can enter the checkout and the data folder.
 * `namespace`: as root outside and as `nobody` inside a user namespace, for folders that only root can enter.
 */
export type RunAs = { kind: "self" } | { kind: "user"; uid: number; gid: number } | { kind: "namespace" };

const POSTGRES_USER = "postgres";
const NAMESPACE = ["unshare", "--user", "--map-user=65534"];

/**
 * Picks the first way that works: `probe` is a harmless command line (a binary of the checkout and `--version`), and
 * `dir` the folder that must be entered. Makes the user `postgres` when missing, after `say`. Throws `Trouble`.
 */
export function chooseRunAs(probe: readonly string[], dir: string, say: (line: string) => void): RunAs {
  if (process.getuid?.() !== 0) return { kind: "self" };
  const user = findUser() ?? makeUser(say);
  if (user !== undefined && [probe, ["test", "-x", dir]].every((command) => works(command, user)))
    return user;
  const namespace: RunAs = { kind: "namespace" };
  if (works(probe, namespace)) return namespace;
  throw new Trouble(
    `Postgres does not run as root, and the user "${POSTGRES_USER}" cannot enter ${dir}: move the checkout where all users may read, or set DATABASE_URL.`,
  );
}

/** The command line and the identity for `spawn` that run `command` as `who`. */
export function commandAs(
  who: RunAs,
  command: readonly string[],
): { file: string; args: string[]; uid?: number; gid?: number } {
  const [file = "", ...args] = who.kind === "namespace" ? [...NAMESPACE, ...command] : command;
  return who.kind === "user" ? { file, args, uid: who.uid, gid: who.gid } : { file, args };
}

function works(command: readonly string[], who: RunAs): boolean {
  const { file, args, ...identity } = commandAs(who, command);
  return spawnSync(file, args, { ...identity, cwd: "/", stdio: "ignore" }).status === 0;
}

function findUser(): Extract<RunAs, { kind: "user" }> | undefined {
  const id = (flag: string) =>
    Number(execFileSync("id", [flag, POSTGRES_USER], { stdio: ["ignore", "pipe", "ignore"] }));
  try {
    return { kind: "user", uid: id("-u"), gid: id("-g") };
  } catch (error) {
    if (isExit(error) || codeOf(error) === "ENOENT") return undefined; // no such user, or no `id`
    throw error;
  }
}

function makeUser(say: (line: string) => void): Extract<RunAs, { kind: "user" }> | undefined {
  say(`Postgres does not run as root: making the system user "${POSTGRES_USER}"`);
  spawnSync(
    "useradd",
    ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", POSTGRES_USER],
    { stdio: "ignore" },
  );
  return findUser();
}

function isExit(error: unknown): boolean {
  return error instanceof Error && "status" in error;
}
