/** Installs Redis from the distribution, where that can be done without asking. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { Trouble } from "../lib/trouble.ts";
import { findRedis } from "./embedded-redis.ts";
import type { Say } from "./progress.ts";

const ENVIRONMENT = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
const ADVICE = "install redis-server or valkey-server (7 or newer), or set REDIS_URL";

/** The path of a server, installed from Debian's or Ubuntu's packages when missing. Throws `Trouble` that says what to do. */
export function findOrInstallRedis(say: Say): string {
  const found = findRedis();
  if (found !== undefined) return found;
  if (!existsSync("/usr/bin/apt-get")) throw new Trouble(`There is no Redis on this machine: ${ADVICE}.`);
  const asRoot = rightsOfRoot();
  if (asRoot === undefined)
    throw new Trouble(
      `There is no Redis on this machine, and no right to install it: run "sudo apt-get install redis-server", or set REDIS_URL.`,
    );
  say("There is no Redis on this machine: installing redis-server with apt-get …");
  apt(asRoot, "update");
  apt(asRoot, "install", "--yes", "--no-install-recommends", "redis-server");
  const installed = findRedis();
  if (installed === undefined) throw new Trouble(`apt-get installed no Redis: ${ADVICE}.`);
  return installed;
}

/** The words before a command that needs root; undefined when there is no way without a password. */
function rightsOfRoot(): string[] | undefined {
  if (process.getuid?.() === 0) return [];
  return spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0 ? ["sudo", "-n"] : undefined;
}

function apt(asRoot: readonly string[], ...args: string[]): void {
  const [file = "apt-get", ...rest] = [...asRoot, "apt-get", "-qq", ...args];
  const { status, stderr } = spawnSync(file, rest, {
    encoding: "utf8",
    env: ENVIRONMENT,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status === 0) return;
  const said = stderr?.trim().split("\n").at(-1) ?? "it could not be run";
  throw new Trouble(`apt-get ${args[0]} failed (${said}): ${ADVICE}.`);
}
