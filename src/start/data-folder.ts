/** The folder of `npm start`: what survives in it, and that only one parent works on it. */
import { randomBytes } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { codeOf, Trouble } from "../lib/trouble.ts";
import { identify, isRunning, type ProcessIdentity } from "./processes.ts";

/** Rises when a newer version lays the folder out in a way that older ones do not understand. */
const LAYOUT = 1;

/** Drawn once per folder, kept with mode 0600. */
export type Secrets = { tokenSecret: string; adminToken: string; storePassword: string };

/** What a tool on this machine needs to reach the running cluster; there while it runs, with mode 0600. */
export type ClusterFile = {
  redisUrl: string;
  databaseUrl: string;
  prefix: string;
  adminToken: string;
  metricsUrls: string[];
};

/** The path of a thing in the folder. */
export const FILES = {
  version: "version.json",
  parent: "parent.json",
  secrets: "secrets.json",
  cluster: "cluster.json",
  demo: "demo.json",
  redis: "redis",
  postgres: "postgres",
  logs: "logs",
} as const;

/** Makes the folder when missing and answers its real path. Refuses one of a newer version before anything is changed. */
export function openDataFolder(path: string): string {
  try {
    // Others may enter, since Postgres may run as another user; every file in it that matters is 0600 or 0700.
    makeFolder(resolve(path));
    accessSync(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Trouble(
      `The data folder ${path} cannot be made or written (${codeOf(error)}): set HUBBUB_DATA_DIR to one that can.`,
    );
  }
  const dir = realpathSync(path);
  const found = readJson<{ layout: number }>(join(dir, FILES.version));
  if (found !== undefined && found.layout > LAYOUT) {
    throw new Trouble(
      `${dir} was made by a newer version of Hubbub: update this checkout, or set HUBBUB_DATA_DIR to another folder.`,
    );
  }
  return dir;
}

/** Level by level: `mkdirSync` with `recursive` never returns where a file system answers ENOENT below a folder that is there, as /proc does. */
function makeFolder(path: string): void {
  if (!existsSync(path)) {
    makeFolder(dirname(path));
    try {
      mkdirSync(path, { mode: 0o755 });
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error; // made by another just now
    }
  } else if (!statSync(path).isDirectory()) throw Object.assign(new Error(path), { code: "ENOTDIR" });
}

/**
 * Makes us the only parent of the folder. Throws `Trouble` while another one runs. `inherited`: the last one ended
 * without stopping its stores and nodes. Call `release` at the end.
 */
export function claimDataFolder(dir: string): { inherited: boolean; release(): void } {
  const path = join(dir, FILES.parent);
  let inherited = false;
  for (;;) {
    try {
      writeFileSync(path, JSON.stringify(identify(process.pid)), { flag: "wx", mode: 0o600 });
      break;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const other = readJson<ProcessIdentity>(path);
    if (other !== undefined && isRunning(other)) {
      throw new Trouble(
        `Another npm start (process ${other.pid}) uses ${dir}: stop it first, or set HUBBUB_DATA_DIR to another folder.`,
      );
    }
    rmSync(path, { force: true });
    inherited = true;
  }
  writePrivate(join(dir, FILES.version), { layout: LAYOUT });
  return { inherited, release: () => rmSync(path, { force: true }) };
}

/** The folder's secrets, drawn on first use. */
export function readSecrets(dir: string): Secrets {
  const path = join(dir, FILES.secrets);
  const known = readJson<Secrets>(path);
  if (known !== undefined) return known;
  if (existsSync(join(dir, FILES.postgres, "PG_VERSION"))) {
    throw new Trouble(
      `${path} is gone, and with it the password of the database beside it: put it back, or set HUBBUB_DATA_DIR to another folder.`,
    );
  }
  const draw = () => randomBytes(32).toString("base64url");
  const secrets = { tokenSecret: draw(), adminToken: draw(), storePassword: draw() };
  writePrivate(path, secrets);
  return secrets;
}

/** The file's content; undefined when it is missing or was cut short. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whole or not at all, and for our own eyes only. */
export function writePrivate(path: string, content: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
