import fc from "fast-check";
import { expect, it } from "vitest";
import type { UserId } from "../../protocol/ids.ts";
import { user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { flushedBoth, lacking, NOTHING_FLUSHED } from "./activation.ts";
import { applyMark, replayMark, settleMark, takeMarks } from "./marks.ts";
import type { Mark } from "./state.ts";

const people = [1, 2, 3].map(user);

const mark: fc.Arbitrary<Mark> = fc
  .record(
    {
      userId: fc.constantFrom(...people),
      delivered: fc.integer({ min: 1, max: 9 }),
      read: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ["userId"] },
  )
  .map((each) => (each.read === undefined ? each : { ...each, readCount: each.read }));

const step = fc.oneof(
  { weight: 3, arbitrary: mark },
  { weight: 1, arbitrary: fc.constantFrom("log" as const, "flush" as const) },
);

type Reached = Record<UserId, { delivered: number; read: number }>;

/** The greatest of each sort, by person. */
function reached(marks: Iterable<Mark>): Reached {
  const by: Reached = {};
  for (const { userId, delivered = 0, read = 0 } of marks) {
    by[userId] ??= { delivered: 0, read: 0 };
    by[userId].delivered = Math.max(by[userId].delivered, delivered);
    by[userId].read = Math.max(by[userId].read, read);
  }
  return by;
}

/** Marks only ever move forward where they are decided. */
const isForward = (before: readonly Mark[], next: Mark) => {
  const { delivered, read } = reached(before)[next.userId] ?? { delivered: 0, read: 0 };
  return (
    (next.delivered ?? Number.POSITIVE_INFINITY) > delivered && (next.read ?? Number.POSITIVE_INFINITY) > read
  );
};

it("marks are kept until Postgres has them, and no longer, however they are gathered and taken (rule L7)", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 3 }), (steps, atOnce) => {
      const { state } = Played.of("group", people[0]!);
      const marked: Mark[] = [];
      const logged: Mark[] = [];
      const stored: Mark[] = [];
      const check = () => {
        const kept = [...(state.marks?.toFlush.values() ?? []), ...(state.marks?.toLog.values() ?? [])];
        expect(reached([...stored, ...kept])).toEqual(reached(marked));
      };
      const flushOne = () => {
        const next = logged[stored.length];
        if (next === undefined) return;
        stored.push(next);
        settleMark(state, next);
      };
      for (const each of steps) {
        if (each === "flush") flushOne();
        else if (each === "log") logged.push(...takeMarks(state, atOnce).map((record) => record.mark));
        else if (isForward(marked, each)) {
          marked.push(each);
          applyMark(state, each);
        }
        check();
      }
      logged.push(...takeMarks(state, Number.POSITIVE_INFINITY).map((record) => record.mark));
      while (stored.length < logged.length) flushOne();
      expect(state.marks).toBeUndefined();
      for (const facts of state.members.byUser.values()) expect(facts.marked).toBe(false);
    }),
  );
});

it("marks found in the log are settled by what Postgres takes of them, at hand or not (rule L7)", () => {
  fc.assert(
    fc.property(fc.array(mark, { maxLength: 20 }), fc.nat(20), (marks, taken) => {
      const flushed = marks
        .slice(0, taken)
        .reduce((before, each) => flushedBoth(before, { seq: 0, marks: [each] }), NOTHING_FLUSHED);
      const left = lacking({ events: [], marks }, flushed).marks;
      expect(reached([...flushed.marks, ...left])).toEqual(reached(marks));
      expect(lacking({ events: [], marks: left }, { seq: 0, marks }).marks).toEqual([]);
      const { state } = Played.of("group", people[0]!);
      for (const each of left) replayMark(state, each);
      for (const each of marks.slice(taken)) settleMark(state, each);
      expect(state.marks).toBeUndefined();
    }),
  );
});
