import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import type { ClusterStatus, NodeStatus } from "../../ports.ts";
import { coloured, plain } from "../paint.ts";
import { type Memory, NOTHING, remember } from "./memory.ts";
import { renderPage, trend } from "./page.ts";
import { problemsOf } from "./problems.ts";

const START_MS = Date.UTC(2026, 10, 21, 14, 3, 20);
const SIZE = { columns: 120, rows: 40 };

function node(name: string, said: Partial<NodeStatus> = {}): NodeStatus {
  return {
    id: `${name}.abc`,
    name,
    pid: 41,
    url: `http://h/${name}`,
    metricsUrl: "http://h:9464",
    roles: ["gateway", "actors"],
    leaseAgeMs: 1_200,
    draining: false,
    shards: 128,
    utilisation: 0.5,
    lagMs: 4,
    load: 1_234,
    unflushedEvents: 0,
    unflushedAgeMs: 0,
    version: "0.2.0",
    startedAtMs: 1,
    traffic: { connections: 100, messagesPerSecond: 40.5, deliveriesPerSecond: 2_000 },
    ...said,
  };
}

function status(nodes: NodeStatus[], said: Partial<ClusterStatus> = {}): ClusterStatus {
  return {
    atMs: 1,
    nodes,
    leader: "node-0.abc",
    shards: { count: 256, moving: 0, unserved: 0 },
    log: { unflushedEvents: 0, unflushedAgeMs: 0 },
    ...said,
  };
}

const CALM = status([node("node-0"), node("node-1")]);
/** A second before the lease of node-1 runs out. */
const DYING = status([node("node-0"), node("node-1", { leaseAgeMs: 5_600 })]);
const LATER = { atMs: 1_001 };

/** One answer a second. */
function afterAnswers(...answers: (ClusterStatus | string)[]): Memory {
  return answers.reduce<Memory>(
    (memory, answer, i) => remember(memory, answer, START_MS + i * 1_000),
    NOTHING,
  );
}

function happened(...answers: (ClusterStatus | string)[]): string[] {
  return afterAnswers(...answers).happenings.map(({ text }) => text);
}

function page(memory: Memory, size = SIZE, nowMs = START_MS): string {
  return renderPage(memory, size, nowMs, plain).join("\n");
}

describe("the page of status --watch", () => {
  it("shows a calm cluster: all is well, what flows, the nodes", () => {
    expect(page(afterAnswers(CALM))).toBe(
      `Hubbub   2 nodes, led by node-0   14:03:20Z   q quits

✔ All is well.

messages    81/s                  █
deliveries  4,000/s               █
backlog     0                     ▁
shards      256 served, 0 moving, 0 without an owner that serves
connections 200

node    state    shards  busy             lag  lease  load/s  conns  msg/s  out/s  backlog  pid  address
node-0  leader      128  ████░░░░  50 %  4 ms  1.2 s   1,234    100     41  2,000        0   41  http://h/node-0
node-1  serving     128  ████░░░░  50 %  4 ms  1.2 s   1,234    100     41  2,000        0   41  http://h/node-1

Nothing has happened since this page was opened.`,
    );
  });

  it("says in words what is wrong, first", () => {
    const late = node("node-1", { leaseAgeMs: 4_300 });
    const text = page(
      afterAnswers(status([node("node-0"), late], { shards: { count: 256, moving: 0, unserved: 7 } })),
    );
    expect(text.split("\n").slice(2, 4)).toEqual([
      "✘ node-1 has not renewed its lease for 4.3 s: it stalls, is cut off from Redis, or is dead; in 1.7 s the others take its",
      "  128 shards.",
    ]);
    expect(text).toContain('7 of 256 shards are served by nobody: their channels answer "unavailable".');
    expect(text).not.toContain("All is well");
  });

  it("keeps what it knows while nobody answers, and says how old it is", () => {
    const text = page(afterAnswers(CALM, "No node answers."), SIZE, START_MS + 12_000);
    expect(text).toContain("✘ No node answers. What follows is 12 s old.");
    expect(text).toContain("node-1  serving");
    expect(page(afterAnswers("No node answers."))).toContain("✘ No node answers.");
  });

  it("mentions a node that ended without a drain, until it is back or two minutes are over", () => {
    const alone = status([node("node-0", { shards: 256 })], LATER);
    const memory = afterAnswers(DYING, alone, alone);
    expect(page(memory, SIZE, START_MS + 31_000)).toContain("✘ node-1 is gone since 30 s");
    const back = status([node("node-0"), node("node-1", { id: "node-1.def", pid: 42 })]);
    expect(page(remember(memory, back, START_MS + 31_000))).not.toContain("is gone since");
    expect(page(remember(memory, alone, START_MS + 121_000))).not.toContain("is gone since");
    const drained = status([node("node-0"), node("node-1", { draining: true, shards: 0 })]);
    expect(page(afterAnswers(CALM, drained, alone))).not.toContain("is gone since");
    expect(page(afterAnswers(CALM, alone))).not.toContain("is gone since");
  });

  it("fits any terminal: nodes give way to what is wrong, and what happened to nodes", () => {
    const many = status(Array.from({ length: 30 }, (_, i) => node(`node-${i}`)));
    for (const rows of [1, 5, 12, 24, 50]) {
      const lines = renderPage(afterAnswers(CALM, many), { columns: 80, rows }, START_MS, plain);
      expect(lines.length).toBeLessThanOrEqual(rows);
    }
    const small = page(afterAnswers(CALM, many), { columns: 80, rows: 24 });
    expect(small).toContain("All is well");
    expect(small).toMatch(/and \d+ nodes more/);
    expect(small).toMatch(/node-29 joined as process 41/);
    expect(
      page(afterAnswers(many), { columns: 80, rows: 60 })
        .match(/node-\d+ /g)!
        .slice(0, 4),
    ).toEqual(["node-0 ", "node-0 ", "node-1 ", "node-2 "]);
  });

  it("colours without a change of the text", () => {
    const memory = afterAnswers(
      CALM,
      status([node("node-0"), node("node-1", { leaseAgeMs: 5_000, utilisation: 0.9 })]),
    );
    const lines = renderPage(memory, SIZE, START_MS, coloured).join("\n");
    expect(lines).toContain("\u001b[31m");
    expect(stripVTControlCharacters(lines)).toBe(page(memory));
  });
});

describe("what happened", () => {
  it("is told of nodes, leaders, and shards that nobody serves", () => {
    const alone = status([node("node-0")], {
      ...LATER,
      leader: undefined,
      shards: { count: 256, moving: 0, unserved: 128 },
    });
    const healed = status([node("node-0", { shards: 256 })]);
    expect(happened(DYING, alone, healed)).toEqual([
      "shards moved: node-0 128 → 256 and node-1 128 → 0",
      "every shard is served again",
      "node-0 leads",
      "128 shards served by nobody",
      "no node leads",
      "node-1 is gone: its lease ran out",
    ]);
  });

  it("tells a drain from a death, and a node that is back from a new one", () => {
    const drains = status([node("node-0"), node("node-1", { draining: true, shards: 100 })], {
      shards: { count: 256, moving: 4, unserved: 0 },
    });
    const left = status([node("node-0", { shards: 256 })]);
    expect(happened(CALM, left)).toContain("node-1 has left");
    const nodes = [node("node-0"), node("node-1", { id: "node-1.def", pid: 42 }), node("node-2")];
    const back = status(nodes, LATER);
    expect(happened(CALM, drains, left)).toEqual([
      "shards moved: node-0 128 → 256 and node-1 128 → 0",
      "node-1 has left",
      "node-1 drains, with 100 shards",
    ]);
    expect(happened(DYING, back).reverse()).toEqual([
      "node-1 is gone: its lease ran out",
      "node-1 is back as process 42",
      "node-2 joined as process 41",
      "shards moved: node-2 0 → 128",
    ]);
  });

  it("says once that nobody answers, and that the cluster is back", () => {
    expect(happened(CALM, "x", "y", CALM)).toEqual([
      "the cluster answers again",
      "the cluster does not answer",
    ]);
  });
});

describe("what is wrong", () => {
  it.each([
    [status([]), "No node has a lease"],
    [status([node("node-0")], { leader: undefined }), "No node leads"],
    [
      status([node("node-0")], { log: { unflushedEvents: 12_034, unflushedAgeMs: 34_000 } }),
      "Postgres is 34 s behind, 12,034 events wait",
    ],
    [status([node("node-0", { utilisation: 0.96 })]), "node-0 is busy 96 % of the time"],
    [status([node("node-0", { lagMs: 1_200 })]), "node-0 is 1.2 s late with everything"],
    [
      status([node("node-0"), node("node-1", { draining: true, shards: 3 })]),
      "node-1 drains: 3 shards left.",
    ],
    [status([node("node-0"), node("node-1", { version: "0.3.0" })]), "0.2.0 on node-0; 0.3.0 on node-1"],
    [
      status([node("node-1"), node("node-1", { id: "node-1.old", leaseAgeMs: 5_000, shards: 0 })]),
      "node-1.old has not renewed its lease for 5.0 s: it stalls, is cut off from Redis, or is dead.",
    ],
  ])("is said of %#", (one, sentence) => {
    expect(problemsOf(one).map(({ text }) => text)).toEqual([expect.stringContaining(sentence)]);
  });

  it("is nothing in a calm cluster", () => {
    expect(problemsOf(CALM)).toEqual([]);
  });
});

it("draws the last values against the greatest of them", () => {
  expect(trend([0, 50, 100], 60)).toBe("▁▅█");
  expect(trend([9, 0, 50, 100], 3)).toBe("▁▅█");
  expect(trend([0, 0], 60)).toBe("▁▁");
  expect(trend([1], 0)).toBe("");
});
