import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { NodeReady } from "./node-process.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";

vi.setConfig({ testTimeout: 60_000 });
const POLL = { timeout: 30_000, interval: 50 };

/** A node that does as its name says, and ends in order on SIGTERM. */
const NODE = `
  const { HUBBUB_NAME: name, FAILS, SAYS } = process.env;
  for (const line of JSON.parse(SAYS ?? "[]")) console.log(JSON.stringify(line));
  if (FAILS) { console.log(JSON.stringify({ level: "fatal", msg: "cannot start", err: { message: "no luck" } })); process.exit(1); }
  process.on("SIGTERM", () => process.exit(0));
  process.on("disconnect", () => process.exit(0));
  process.send({ ready: true, url: "http://" + name, metricsUrl: "http://metrics." + name, node: name + "." + process.pid });
`;

let dir = "";
let said: string[] = [];
let serving: readonly NodeReady[] = [];
let supervisor: Supervisor | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "hubbub-supervisor-"));
  writeFileSync(join(dir, "node.mjs"), NODE);
  said = [];
});
afterEach(async () => {
  await supervisor?.stop("kill");
  rmSync(dir, { recursive: true });
});

function supervise(names: string[], env: Record<string, string> = {}): Supervisor {
  supervisor = createSupervisor({
    plans: names.map((name) => ({ name, env })),
    main: join(dir, "node.mjs"),
    logDir: join(dir, "logs"),
    stopWithinMs: 5_000,
    say: (line) => said.push(line),
    onChange(now) {
      serving = [...now];
    },
  });
  return supervisor;
}

function pidOf(name: string): number {
  return Number(serving.find(({ node }) => node.startsWith(`${name}.`))?.node.split(".")[1]);
}

describe("the parent of the nodes", () => {
  it("starts a killed node again under its name, as a new incarnation, and leaves the others alone", async () => {
    await supervise(["a", "b"]).start();
    const [a, b] = [pidOf("a"), pidOf("b")];
    process.kill(a, "SIGKILL");
    await expect.poll(() => pidOf("a"), POLL).toBeGreaterThan(0);
    await expect
      .poll(() => said.join("\n"), POLL)
      .toMatch(/a \(process \d+\) ended unasked with SIGKILL: starting it again in 2 s\na serves again/);
    expect(pidOf("a")).not.toBe(a);
    expect(pidOf("b")).toBe(b);
  });

  it("says that a node has drained, and leaves it", async () => {
    await supervise(["a", "b"]).start();
    process.kill(pidOf("a"), "SIGTERM");
    await expect
      .poll(() => said, POLL)
      .toEqual(["a has drained and ended; it stays away until the next npm start"]);
    expect(serving.map(({ url }) => url)).toEqual(["http://b"]);
  });

  it("tells why a node cannot start, in one line", async () => {
    await expect(supervise(["a"], { FAILS: "1" }).start()).rejects.toThrow(
      /^a did not start \(cannot start: no luck\): see .*a\.log\.$/,
    );
  });

  it("shows a node's errors, and that a store is back, and leaves everything else to its log", async () => {
    const lines = [
      { level: "error", msg: "Redis does not answer" },
      { level: "warn", msg: "lease: not renewed" },
      { level: "info", msg: "Redis answers again", awayMs: 5_000 },
      { level: "info", msg: "shards served" },
      { level: "error", msg: "the end" },
    ];
    await supervise(["a"], { SAYS: JSON.stringify(lines) }).start();
    await expect
      .poll(() => said, POLL)
      .toEqual(["a: Redis does not answer", "a: Redis answers again", "a: the end"]);
  });

  it("ends all of them when asked, and starts none again", async () => {
    const nodes = supervise(["a", "b"]);
    await nodes.start();
    const pids = [pidOf("a"), pidOf("b")];
    await nodes.stop("drain");
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect(said).toEqual([]);
  });
});
