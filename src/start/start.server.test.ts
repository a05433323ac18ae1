import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
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

/** `npm start -- …` without npm. `through`: a command line that runs what follows it. */
function start(args: string[], env: Record<string, string> = {}, through: string[] = []): Run {
  const { REDIS_URL: _, DATABASE_URL: __, ...ours } = process.env;
  const all = ["--port", "0", "--metrics-port", "0", "--data-dir", join(dir, "data"), ...args];
  const [file = "", ...rest] = [
    ...through,
    process.execPath,
    join(import.meta.dirname, "..", "start.ts"),
    ...all,
  ];
  const child = spawn(file, rest, { env: { ...ours, ...env } });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (text += chunk));
  const run = { child, said: () => text, ended: once(child, "close") };
  runs.push(run);
  return run;
}

/** What Ada reads in the demo's first topic, after logging in. */
async function readWelcome(): Promise<string[]> {
  const { people, topics } = JSON.parse(readFileSync(join(dir, "data", "demo.json"), "utf8"));
  const { port } = new URL(nodeUrl());
  const api = `http://127.0.0.1:${port}/api/v1`;
  const login = await fetch(`${api}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ login: people[0].username, password: people[0].password }),
  });
  const { token } = (await login.json()) as { token: string };
  const page = await fetch(`${api}/channels/${topics[0].id}/messages`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { messages } = (await page.json()) as { messages: { content: string }[] };
  return messages.map(({ content }) => content);
}

/** As it said it. */
function nodeUrl(): string {
  return /serves at (\S+)/.exec(runs.at(-1)!.said())![1]!;
}

/** Processes that were started for this test's folder. */
function processesOfFolder(): string[] {
  return execFileSync("ps", ["-eo", "stat,args"], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes(dir) && !line.startsWith("Z"));
}

/** Tools find the address there while it runs. */
function metricsUrls(): string[] {
  return JSON.parse(readFileSync(join(dir, "data", "cluster.json"), "utf8")).metricsUrls;
}

describe("row O1: npm start", () => {
  it("serves, is adopted with its data after kill -9, and leaves no process behind", async () => {
    const first = start([]);
    await expect.poll(first.said, POLL).toContain("Ctrl-C drains");
    expect(first.said()).not.toContain("could not be made");
    const logIn = /log in as ada +with password \S+/.exec(first.said())?.[0];
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
    expect(await readWelcome()).toEqual([expect.stringContaining("Welcome to **Hubbub**")]);
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

  it("ends in order when it is asked to at any time of its start, and the next one serves", async () => {
    for (const [signal, afterMs] of [
      ["SIGINT", 300],
      ["SIGTERM", 900],
      ["SIGINT", 1_600],
      ["SIGTERM", 2_600],
    ] as const) {
      const run = start(["--no-demo"]);
      setTimeout(() => run.child.kill(signal), afterMs);
      await run.ended;
      // Before it listens for signals the signal itself ends it; nothing has been started then.
      expect([0, null]).toContain(run.child.exitCode);
      expect(run.said()).not.toMatch(/\n\s+at /);
      expect(processesOfFolder()).toEqual([]);
    }
    const last = start(["--no-demo"]);
    await expect.poll(last.said, POLL).toContain("Ctrl-C drains");
  });

  it("names the port that is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const run = start(["--port", String(port)]);
    await run.ended;
    other.close();
    expect(run.child.exitCode).toBe(1);
    expect(run.said()).toBe(
      `Port ${port} is taken: end what listens there, or choose others: npm start -- --port 4000 --metrics-port 9564\n`,
    );
  });

  it("leaves the folder of a newer version as it is", async () => {
    mkdirSync(join(dir, "data"));
    writeFileSync(join(dir, "data", "version.json"), '{"layout":9}');
    const run = start([]);
    await run.ended;
    expect(run.child.exitCode).toBe(1);
    expect(run.said()).toMatch(
      /^\S+ was made by a newer version of Hubbub: update this checkout, or [^\n]+\n$/,
    );
  });

  it("refuses a machine that allows too few files, with the command that mends it", async () => {
    const run = start([], {}, ["/bin/sh", "-c", 'ulimit -n 256; exec "$0" "$@"']);
    await run.ended;
    expect(run.child.exitCode).toBe(1);
    expect(run.said()).toMatch(/^A process may open only 256 files here, [^\n]+"ulimit -n 65536"[^\n]+\n$/);
  });

  const canHide = process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0;
  it.runIf(canHide)("says how to get a Redis where there is none and no right to install one", async () => {
    chmodSync(dir, 0o777);
    const hide =
      'for each in redis-server valkey-server; do found=$(command -v $each) && mount --bind /dev/null "$found"; done; exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" "$@"';
    const run = start([], { HOME: dir }, ["unshare", "--mount", "/bin/sh", "-c", hide]);
    await run.ended;
    expect(run.child.exitCode).toBe(1);
    expect(run.said()).toMatch(
      /^There is no Redis on this machine, [^\n]+"sudo apt-get install redis-server"/m,
    );
    expect(run.said()).not.toMatch(/\n\s+at /);
    expect(processesOfFolder()).toEqual([]);
  });

  it.each([
    [
      ["--data-dir", "/proc/hubbub"],
      {},
      /^The data folder \/proc\/hubbub cannot be made or written \(ENOENT\): set HUBBUB_DATA_DIR/,
    ],
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
