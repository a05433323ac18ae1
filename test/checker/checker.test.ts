import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { check } from "./checker.ts";
import { KINDS } from "./findings.ts";
import { FOLD_MUTATIONS } from "./fold-mutations.ts";
import { eventSeen, type HistoryRecord, readHistory } from "./history.ts";
import { CHANNELS, CLIENTS, ImaginedRun, type Step } from "./imagined.ts";
import { MUTATIONS as HISTORY_MUTATIONS } from "./mutations.ts";

const MUTATIONS = { ...HISTORY_MUTATIONS, ...FOLD_MUTATIONS };

const which = { client: fc.nat(CLIENTS - 1), channel: fc.nat(CHANNELS - 1) };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("send" as const), ...which, persisted: fc.boolean() }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver" as const), ...which }) },
  fc.record({ do: fc.constantFrom("resend", "retry", "refuse", "lose", "reconnect"), ...which }),
  fc.record({ do: fc.constantFrom("reply", "read"), ...which }),
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      ...which,
      change: fc.constantFrom("edited", "deleted", "pinned", "unpinned", "reacted", "unreacted"),
    }),
  },
  fc.record({ do: fc.constant("skip" as const), ...which, reset: fc.boolean() }),
  fc.record({ do: fc.constant("member" as const), channel: which.channel }),
  fc.record({ do: fc.constant("takeover" as const) }),
  fc.record({ do: fc.constant("leave" as const), client: which.client }),
) as fc.Arbitrary<Step>;

/** Everything that may happen, once and more. */
const EVENTFUL: Step[] = [
  { do: "send", client: 0, channel: 0, persisted: false },
  { do: "send", client: 1, channel: 0, persisted: true },
  { do: "deliver", client: 0, channel: 0 },
  { do: "deliver", client: 2, channel: 0 },
  { do: "member", channel: 0 },
  { do: "send", client: 2, channel: 0, persisted: false },
  { do: "lose", client: 1, channel: 0 },
  { do: "resend", client: 0, channel: 1 },
  { do: "takeover" },
  { do: "retry", client: 1, channel: 1 },
  { do: "refuse", client: 2, channel: 1 },
  { do: "deliver", client: 2, channel: 1 },
  { do: "skip", client: 2, channel: 0, reset: false },
  { do: "send", client: 0, channel: 0, persisted: false },
  { do: "skip", client: 1, channel: 1, reset: true },
  { do: "reconnect", client: 2 },
  { do: "change", client: 0, channel: 0, change: "reacted" },
  { do: "change", client: 1, channel: 0, change: "reacted" },
  { do: "change", client: 2, channel: 0, change: "reacted" },
  { do: "change", client: 2, channel: 0, change: "unreacted" },
  { do: "change", client: 1, channel: 0, change: "edited" },
  { do: "reply", client: 1, channel: 0 },
  { do: "reply", client: 0, channel: 0 },
  { do: "change", client: 0, channel: 0, change: "pinned" },
  { do: "change", client: 0, channel: 1, change: "pinned" },
  { do: "change", client: 0, channel: 1, change: "unpinned" },
  { do: "read", client: 0, channel: 0 },
  { do: "takeover" },
  { do: "send", client: 1, channel: 0, persisted: true },
  { do: "send", client: 1, channel: 1, persisted: false },
  { do: "change", client: 1, channel: 1, change: "edited" },
  { do: "change", client: 1, channel: 1, change: "deleted" },
  { do: "leave", client: 2 },
  { do: "deliver", client: 0, channel: 1 },
  { do: "send", client: 0, channel: 1, persisted: false },
  { do: "deliver", client: 0, channel: 1 },
  { do: "send", client: 0, channel: 0, persisted: false },
];

describe("a history without a fault", () => {
  it("passes with resends, reconnects, gaps that were repaired, skips that were told, and take-overs", async () => {
    const report = await check(new ImaginedRun().play(EVENTFUL).end());
    expect(report.violations).toEqual([]);
    expect(report.seen).toMatchObject({ connects: 5, acks: 12, rows: 12, logged: 26, changes: 10, folds: 4 });
  });

  it("passes whatever the order of things was", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        const { violations } = await check(new ImaginedRun().play(steps).end());
        expect(violations).toEqual([]);
      }),
    );
  });

  it("may be read from a file, line by line", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hubbub-history-"));
    try {
      const path = join(folder, "history.jsonl");
      const history = new ImaginedRun().play(EVENTFUL).end();
      await writeFile(path, history.map((record) => `${JSON.stringify(record)}\n`).join(""));
      const [read, direct] = [await check(readHistory(path)), await check(history)];
      expect(read).toEqual(direct);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("row O6: one planted fault is found", () => {
  it.each(Object.keys(MUTATIONS))("%s", async (name) => {
    const history = new ImaginedRun().play(EVENTFUL).end();
    // In every place where it can be planted, not only in a lucky one.
    for (let pick = 0; pick < 20; pick++) {
      const mutated = MUTATIONS[name]!(history, pick);
      expect(mutated, "the fault has no place in this history").toBeDefined();
      expect((await check(mutated!)).violations, `in place ${pick}`).not.toEqual([]);
    }
  });

  it("by a rule of its own: no kind of violation is without a fault that shows it", async () => {
    const found = new Set<string>();
    const history = new ImaginedRun().play(EVENTFUL).end();
    for (const mutate of Object.values(MUTATIONS)) {
      for (const { kind } of (await check(mutate(history, 0)!)).violations) found.add(kind);
    }
    expect([...KINDS].filter((kind) => !found.has(kind))).toEqual([]);
  });

  it("in any history, by any mutation", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
        fc.constantFrom(...Object.keys(MUTATIONS)),
        fc.nat(1_000),
        async (steps, name, pick) => {
          const mutated = MUTATIONS[name]!(new ImaginedRun().play(steps).end(), pick);
          fc.pre(mutated !== undefined);
          expect((await check(mutated)).violations).not.toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a violation", () => {
  const history = (): HistoryRecord[] => new ImaginedRun().play(EVENTFUL).end();

  it("is explained in one sentence", async () => {
    const { violations } = await check(MUTATIONS["a row is missing in Postgres"]!(history(), 0)!);
    expect(violations.find(({ kind }) => kind === "lost")).toEqual({
      row: "D3",
      kind: "lost",
      channelId: "channel-0",
      says: "message-1 was acked as seq 2 (logged) and is not in Postgres",
    });
  });

  it("is counted when its kind is common, and kept twenty times", async () => {
    const ack = { what: "ack", client: "a", channelId: "c", by: "u", seq: 1, durability: "logged" } as const;
    const flood: HistoryRecord[] = Array.from({ length: 50 }, (_, i) => ({ ...ack, clientId: `${i}` }));
    const { counts, violations } = await check(flood);
    expect(counts.ack_unasked).toBe(50);
    expect(violations.filter(({ kind }) => kind === "ack_unasked")).toHaveLength(20);
  });

  it("is not a send that nobody answered, where the caller says so", async () => {
    const mutated = MUTATIONS["an ack never came"]!(history(), 0)!;
    expect((await check(mutated, { allAnswered: false })).violations).toEqual([]);
  });
});

it("digests an event whatever the order of its fields", () => {
  const a = { type: "message:pinned", seq: 3, atMs: 5, by: "u", messageId: "m" };
  const b = { messageId: "m", by: "u", atMs: 5, seq: 3, type: "message:pinned" };
  expect(eventSeen(a as never).digest).toBe(eventSeen(b as never).digest);
  expect(eventSeen({ ...a, messageId: "other" } as never).digest).not.toBe(eventSeen(b as never).digest);
});
