import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isAlive } from "./processes.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });
const POLL = { timeout: 100_000, interval: 100 };

type Run = { child: ChildProcess; said(): string; ended: Promise<unknown> };

let dir = "";
const runs: Run[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "hubbub-start-"));
  chmodSync(dir, 0o755); // Postgres may run as another user
});
afterEach(async () => {
  for (const { child, ended } of runs.splice(0)) {
    child.kill("SIGTERM");
    await ended;
  }
  rmSync(dir, { recursive: true });
});

/** `npm start -- …` without npm. */
function start(args: string[], env: Record<string, string> = {}): Run {
  const { REDIS_URL: _, DATABASE_URL: __, ...ours } = process.env;
  const all = ["--port", "0", "--metrics-port", "0", "--data-dir", join(dir, "data"), ...args];
  const child = spawn(process.execPath, [join(import.meta.dirname, "..", "start.ts"), ...all], {
    env: { ...ours, ...env },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += chunk));
  const run = { child, said: () => text, ended: once(child, "close") };
  runs.push(run);
  return run;
}

/** Tools find the address there while it runs. */
function metricsUrls(): string[] {
  return JSON.parse(readFileSync(join(dir, "data", "cluster.json"), "utf8")).metricsUrls;
}

describe("npm start", () => {
  it("serves, is adopted with its data after kill -9, and leaves no process behind", async () => {
    const first = start([]);
    await expect.poll(first.said, POLL).toContain("Ctrl-C drains");
    expect(first.said()).not.toContain("could not be made");
    const logIn = /log in as ada .*/.exec(first.said())?.[0];
    expect(logIn).toBeDefined();
    const stores = [
      Number(readPid("redis/server.json")),
      Number(readFileSync(join(dir, "data/postgres/postmaster.pid"), "utf8").split("\n")[0]),
    ];
    first.child.kill("SIGKILL");
    await first.ended;

    const second = start([]);
    await expect.poll(second.said, POLL).toContain("Ctrl-C drains");
    for (const store of ["Redis", "Postgres"])
      expect(second.said()).toMatch(new RegExp(`${store} [\\d.]+ still runs`));
    expect(second.said()).toContain(logIn);
    expect((await fetch(`${metricsUrls()[0]}/healthz`)).status).toBe(200);
    expect(stores.filter(isAlive)).toEqual(stores);

    second.child.kill("SIGINT");
    second.child.kill("SIGINT"); // as under npm: twice, and one all the same
    await second.ended;
    expect(second.child.exitCode).toBe(0);
    expect(second.said()).toContain("Everything is stopped");
    expect(stores.filter(isAlive)).toEqual([]);
  });

  it("refuses a second parent on the same folder, and leaves the first alone", async () => {
    const first = start(["--no-demo"]);
    await expect.poll(first.said, POLL).toContain("Ctrl-C drains");
    const second = start(["--no-demo"]);
    await second.ended;
    expect(second.child.exitCode).toBe(1);
    expect(second.said()).toMatch(/^Another npm start \(process \d+\) uses [^\n]+\n$/);
    expect((await fetch(`${metricsUrls()[0]}/healthz`)).status).toBe(200);
  });

  it.each([
    [["--frob"], {}, /unknown option '--frob'/],
    [["--nodes", "0"], {}, /1–16/],
    [
      [],
      { REDIS_URL: "redis://127.0.0.1:1" },
      /^Redis at 127.0.0.1:1 cannot be used \(ECONNREFUSED\): start it, or correct REDIS_URL\.$/m,
    ],
    [
      [],
      { DATABASE_URL: "postgres://me:hunter2@127.0.0.1:1/x" },
      /^Postgres at 127.0.0.1:1 cannot be used \(ECONNREFUSED\): start it, or correct DATABASE_URL\.$/m,
    ],
    [[], { HUBBUB_DRAIN_MS: "soon" }, /HUBBUB_DRAIN_MS cannot be "soon"/],
  ])("says in one line what to do with %j %j, without a stack", async (args, env, message) => {
    const run = start(args, env);
    await run.ended;
    expect(run.child.exitCode).toBe(1);
    expect(run.said()).toMatch(message);
    expect(run.said()).not.toMatch(/\n\s+at |hunter2/);
  });
});

function readPid(path: string): number {
  return JSON.parse(readFileSync(join(dir, "data", path), "utf8")).pid;
}
