import fc from "fast-check";
import { expect, it } from "vitest";
import { foldMessages } from "../../protocol/fold.ts";
import { type MessageId, messageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { replay } from "./apply.ts";
import { restore } from "./state.ts";

const ada: UserId = user(1);
/** Of the first messages, and a few events more: some name no message. */
const place = fc.integer({ min: 3, max: 12 });
const BEFORE = 3;

/** `window`: what is flushed has left the resume window. `evict`: nothing settled is kept. `replay`: another owner. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("quote" as const), place }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom("delete" as const, "delete" as const, "edit" as const, "look" as const),
      place,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("flush" as const, "forget" as const, "window" as const, "replay" as const),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(played: Played, each: Step, n: number): void {
  const { id, reign, recent, flushedSeq } = played.state;
  switch (each.do) {
    case "quote": {
      const message = { ...said(client(100 + n), `quote ${n}`), replyTo: messageId(id, each.place) };
      played.do({ type: "send", by: ada, message, attempt: 1 });
      break;
    }
    case "delete":
      played.do({ type: "delete", by: ada, seqs: [each.place] });
      break;
    case "edit":
      played.do({ type: "edit", by: ada, seq: each.place, content: "else", html: "else" });
      break;
    case "look":
      // What was fetched is kept from then on.
      played.do({ type: "message", by: ada, seq: each.place });
      break;
    case "window":
      played.outOfWindowSeq = flushedSeq;
      break;
    case "replay":
      played.state = restore(id, reign, played.store.rows.get(id), recent);
      replay(played.state, { events: played.log, marks: [] });
      break;
    default:
      played[each.do]();
  }
}

function folded({ log }: Played): Message[] {
  const messages = new Map<MessageId, Message>();
  for (const { event } of log) foldMessages(messages, event, undefined);
  return [...messages.values()];
}

it("row C6: the owner, Postgres and every reader say the same of what is quoted, and nothing of what is deleted", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 4, maxLength: 40, size: "max" }), (steps) => {
      const played = Played.of("group", ada);
      for (let n = 0; n < BEFORE; n++) played.say(ada, `text ${n}`);
      for (const [n, each] of steps.entries()) take(played, each, n);
      const messages = folded(played);
      const gone = new Set(
        messages.flatMap(({ id, deletedAtMs }) => (deletedAtMs === undefined ? [] : [id])),
      );
      for (const { id, replyTo } of messages)
        if (replyTo) expect(replyTo.excerpt === "").toBe(gone.has(id) || gone.has(replyTo.id));
      for (const message of messages)
        expect(played.do({ type: "message", by: ada, seq: message.seq }).message).toEqual(message);
      played.flush();
      expect([...played.store.messages.values()]).toEqual(messages);
    }),
    { numRuns: 300 },
  );
});
