import fc from "fast-check";
import { expect, it } from "vitest";
import type { UserId } from "../../protocol/ids.ts";
import type { Mention } from "../../protocol/message.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import type { Decision } from "./decision.ts";
import { knownMember } from "./members.ts";

const people = [1, 2, 3, 4].map(user);
const [owner] = people as [UserId];
const person = fc.constantFrom(...people);

const mention: fc.Arbitrary<Mention> = fc.oneof(
  { weight: 4, arbitrary: person.map((userId) => ({ kind: "user" as const, userId })) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: "everyone" as const }, { kind: "here" as const }) },
);

/** `thread`: below which message, counted back from the newest; absent: in the channel. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("send" as const),
      by: person,
      mentions: fc.array(mention, { maxLength: 2 }),
      thread: fc.option(fc.nat(6), { nil: undefined, freq: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("read" as const), by: person, back: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("leave" as const, "join" as const), by: person }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("flush" as const, "forget" as const, "window" as const) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Read marks and messages as the whole log tells them, beside the channel that is tried. */
class Recounted {
  readonly played = Played.of("group", owner);
  readonly readSeq = new Map<UserId, number>([[owner, 2]]);
  #sends = 0;

  constructor() {
    for (const userId of people.slice(1)) this.join(userId);
  }

  join(userId: UserId): void {
    const { played } = this;
    played.do({ type: "invite", by: owner, userId });
    const before = played.log.length;
    if (played.do({ type: "join", by: userId }).ok && played.log.length > before)
      this.readSeq.set(userId, played.log.length);
  }

  send({ by, mentions, thread }: Extract<Step, { do: "send" }>): Decision {
    const { played } = this;
    const roots = this.#messages().filter((message) => message.threadId === undefined);
    const threadId = thread === undefined ? undefined : roots.at(-1 - thread)?.id;
    const message = { ...said(client(++this.#sends)), mentions, ...(threadId && { threadId }) };
    const decision = played.decide({ type: "send", by, message, attempt: 1 });
    if (decision.answer.ok) this.readSeq.set(by, played.log.length);
    return decision;
  }

  read({ by, back }: Extract<Step, { do: "read" }>): Decision {
    const read = Math.max(0, this.played.state.fold.seq - back);
    const decision = this.played.decide({ type: "mark", by, read });
    if (decision.answer.ok) this.readSeq.set(by, Math.max(this.readSeq.get(by)!, read));
    return decision;
  }

  do(each: Step): Decision | undefined {
    const { played } = this;
    if (each.do === "send") return this.send(each);
    if (each.do === "read") return this.read(each);
    if (each.do === "join") this.join(each.by);
    else if (each.do === "leave") played.do({ type: "leave", by: each.by });
    else if (each.do === "window") played.outOfWindowSeq = played.log.length;
    else played[each.do]();
    return undefined;
  }

  of(userId: UserId): { unread: number; mentions: number; lastReadSeq: number } {
    const lastReadSeq = this.readSeq.get(userId)!;
    const unread = this.#messages().filter(({ seq }) => seq > lastReadSeq);
    const names = (mention: Mention) => mention.kind !== "user" || mention.userId === userId;
    return {
      unread: unread.filter(({ threadId }) => threadId === undefined).length,
      mentions: unread.filter(({ mentions }) => mentions.some(names)).length,
      lastReadSeq,
    };
  }

  #messages() {
    return this.played.log.flatMap(({ event }) => (event.type === "message:new" ? [event.message] : []));
  }
}

function compare(counted: Recounted, decision: Decision | undefined, by: UserId | undefined): void {
  for (const { userId, unread } of decision?.notices ?? [])
    if (unread) expect(unread).toMatchObject(counted.of(userId));
  if (decision?.answer.ok && by && "unread" in decision.answer)
    expect(decision.answer.unread).toBe(counted.of(by).unread);
  const { members, fold } = counted.played.state;
  for (const userId of people) {
    const facts = knownMember(members, userId);
    if (facts?.member?.status !== "active") continue;
    const { unread, mentions, lastReadSeq } = counted.of(userId);
    expect([fold.messageCount - facts.readCount, facts.readSeq]).toEqual([unread, lastReadSeq]);
    if (facts.mentions !== undefined) expect(facts.mentions).toBe(mentions);
  }
}

it("unread and mentions, as told and as kept, are what a recount of the whole log gives (rule E6, row C12)", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const counted = new Recounted();
      for (const each of steps) compare(counted, counted.do(each), "by" in each ? each.by : undefined);
    }),
    { numRuns: 400 },
  );
});

it("whoever is mentioned, and whoever reads on, is told both, whatever memory still holds (rule E6)", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
      const counted = new Recounted();
      for (const each of steps) {
        const decision = counted.do(each);
        for (const { unread } of decision?.notices ?? []) expect(unread).toBeDefined();
        const moved = decision?.marks?.some(({ read }) => read !== undefined);
        if (each.do === "read" && moved) expect(decision?.notices).toHaveLength(1);
      }
    }),
    { numRuns: 200 },
  );
});
