/** Real Redis servers that a test may kill, freeze and restart. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { findRedis, redisUrl, startRedisServer } from "../../src/start/embedded-redis.ts";
import { freePort } from "../../src/start/free-port.ts";
import { reapAfterUs } from "./reaper.ts";
import { removeDir, temporaryDir } from "./temporary.ts";

/** Another process may take a free port before Redis does. */
const TRIES = 5;

export type TestRedis = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly dir: string;
  /** In order (what it holds is on disk with `aof`), and its folder is removed. */
  stop(): Promise<void>;
  /** SIGKILL; the folder stays for `restart`. */
  kill(): Promise<void>;
  /** Starts again on the same port and folder; kills it first when it runs. With `empty`, it has forgotten everything. */
  restart(options?: { empty?: boolean }): Promise<void>;
  /** SIGSTOP: it accepts connections (the kernel does) and answers nothing. */
  freeze(): void;
  thaw(): void;
};

export type TestRedisOptions = {
  /** As on its command line: `["--maxmemory", "4mb"]`. */
  args?: readonly string[];
  /** Append-only file; default true. */
  aof?: boolean;
};

/** A Redis of its own for one test: `noeviction`, no snapshots, append-only file unless `aof: false`. */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const binary = findRedis();
  if (binary === undefined) throw new Error("no redis-server on the PATH: install redis-server");
  const dir = temporaryDir("redis");
  const launch = (port: number) =>
    startRedisServer({ binary, dir, port, appendOnly: options.aof ?? true, args: options.args });
  let { child, port } = await onFreePort(launch);
  let forget = reapAfterUs(child.pid!, dir);
  const kill = async () => {
    await end(child, "SIGKILL");
    forget();
  };
  return {
    url: redisUrl({ port }),
    port,
    dir,
    get pid() {
      return child.pid!;
    },
    kill,
    async stop() {
      await end(child, "SIGTERM");
      forget();
      removeDir(dir);
    },
    async restart({ empty = false } = {}) {
      await kill();
      if (empty) removeDir(dir);
      child = await launch(port);
      forget = reapAfterUs(child.pid!, dir);
    },
    freeze: () => void child.kill("SIGSTOP"),
    thaw: () => void child.kill("SIGCONT"),
  };
}

async function onFreePort(
  launch: (port: number) => Promise<ChildProcess>,
): Promise<{ child: ChildProcess; port: number }> {
  for (let i = 1; ; i++) {
    const port = await freePort();
    try {
      return { child: await launch(port), port };
    } catch (error) {
      if (i === TRIES) throw error;
    }
  }
}

async function end(child: ChildProcess, how: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGCONT"); // a frozen server would not hear SIGTERM
  child.kill(how);
  await exited;
}
