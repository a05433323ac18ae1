import { describe, expect, it } from "vitest";
import { user } from "../doubles.ts";
import { Played, type Said } from "../playing.ts";
import { commandOf } from "./salvage.ts";

const ada = user(1);
const bob = user(2);
const seqOf = (answer: Said) => (answer.message as { seq: number }).seq;

/** Everything that can become of a message. */
function lived(): { played: Played; seqs: [number, number, number] } {
  const played = Played.of("group", ada);
  played.admit(ada, bob);
  const seqs = [bob, ada, bob].map((by) => seqOf(played.say(by))) as [number, number, number];
  const [first, second, third] = seqs;
  played.do({ type: "edit", by: bob, seq: first, content: "better", html: "better" });
  for (const pinned of [true, false]) played.do({ type: "pin", by: ada, seq: first, pinned });
  for (const on of [true, false]) played.do({ type: "react", by: bob, seq: second, emoji: "👍", on });
  played.do({ type: "delete", by: ada, seqs: [first] });
  played.do({ type: "delete", by: ada, seqs: [second, third] });
  return { played, seqs };
}

describe("rule G3: what became of messages", () => {
  it("is brought back by the commands that it came from, in order", () => {
    const { played, seqs } = lived();
    const [first, second, third] = seqs;
    const commands = played.log.flatMap((record) => commandOf(record) ?? []);
    expect(commands.slice(-7)).toEqual([
      { type: "edit", by: bob, seq: first, content: "better", html: "better" },
      { type: "pin", by: ada, seq: first, pinned: true },
      { type: "pin", by: ada, seq: first, pinned: false },
      { type: "react", by: bob, seq: second, emoji: "👍", on: true },
      { type: "react", by: bob, seq: second, emoji: "👍", on: false },
      { type: "delete", by: ada, seqs: [first] },
      { type: "delete", by: ada, seqs: [second, third] },
    ]);
    const elsewhere = new Played(played.state.id, 2);
    for (const command of commands) expect(elsewhere.do(command).ok).toBe(true);
    const types = ({ log }: Played) => log.map(({ event }) => [event.type, event.seq]);
    expect(types(elsewhere)).toEqual(types(played));
  });

  it("goes where the message stands now, and nowhere when it was refused", () => {
    const { played, seqs } = lived();
    const [first, second, third] = seqs;
    const places = new Map<number, number | undefined>([
      [first, 40],
      [second, undefined],
    ]);
    const placeOf = (seq: number) => (places.has(seq) ? places.get(seq) : seq);
    const commands = played.log.slice(-7).map((record) => commandOf(record, placeOf));
    expect(commands).toMatchObject([
      { type: "edit", seq: 40 },
      { type: "pin", seq: 40 },
      { type: "pin", seq: 40 },
      undefined,
      undefined,
      { type: "delete", seqs: [40] },
      { type: "delete", seqs: [third] },
    ]);
  });

  it("takes replies along with their thread, and follows with it", () => {
    const { played, seqs } = lived();
    const { id } = played.state;
    const thread = played.place(ada, { threadId: `${id}.${seqs[0]}` as never });
    const record = played.log.at(-1)!;
    expect(commandOf(record, () => 40)).toMatchObject({ type: "send", message: { threadId: `${id}.40` } });
    expect(commandOf(record, () => undefined)).toBeUndefined();
    const follow = { channelId: id, follow: { userId: bob, seq: thread.seq, atMs: 1, following: true } };
    expect(commandOf(follow, () => 41)).toEqual({ type: "follow", by: bob, seq: 41, following: true });
    expect(commandOf(follow, () => undefined)).toBeUndefined();
  });

  it("brings a setting back that was taken away", () => {
    const played = Played.of("group", ada, { settings: { memberLimit: 9, slowModeSeconds: 5 } });
    played.do({ type: "update", by: ada, settings: { memberLimit: null } });
    const elsewhere = Played.of("group", ada, { settings: { memberLimit: 9, slowModeSeconds: 5 } });
    elsewhere.do(commandOf(played.log.at(-1)!)!);
    expect(elsewhere.state.fold.channel!.settings).toEqual({ slowModeSeconds: 5 });
  });

  it("is nobody's command where it arrived later: a preview", () => {
    const { played, seqs } = lived();
    const { id, reign } = played.state;
    const common = { seq: 99, atMs: 1, by: ada, messageId: `${id}.${seqs[0]}` as never };
    const event = { type: "message:updated" as const, ...common, preview: { url: "u" } };
    expect(commandOf({ channelId: id, epoch: reign, event })).toBeUndefined();
  });
});
