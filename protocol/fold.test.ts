import { describe, expect, it } from "vitest";
import type { ChannelEvent } from "./events.ts";
import { channelOf, foldChannel, foldEnvelope, foldMessages, type ReaderFold, unwritten } from "./fold.ts";
import type { ChannelId, ClientId, MessageId, UserId } from "./ids.ts";
import type { Message } from "./message.ts";

const room = "00000001-0000-7000-8000-000000000001" as ChannelId;
const ada = "00000000-0000-7000-8000-000000000001" as UserId;
const bob = "00000000-0000-7000-8000-000000000002" as UserId;
const id = (seq: number) => `${room}.${seq}` as MessageId;

function message(seq: number, more: Partial<Message> = {}): Message {
  return {
    id: id(seq),
    channelId: room,
    seq,
    ordinal: seq,
    authorId: ada,
    clientId: `c${seq}` as ClientId,
    type: "text",
    content: "hello",
    html: "<p>hello</p>",
    mentions: [],
    attachments: [],
    replyCount: 0,
    reactions: [],
    pinned: false,
    atMs: seq,
    metadata: {},
    ...more,
  };
}
const said = (seq: number): ChannelEvent => ({
  type: "message:new",
  seq,
  atMs: seq,
  by: ada,
  message: message(seq),
});
const reaction = (
  seq: number,
  type: "reaction:added" | "reaction:removed",
  by: UserId,
  count: number,
): ChannelEvent => ({ type, seq, atMs: seq, by, messageId: id(1), emoji: "👍", count, recent: [by] });
const reader = (): ReaderFold => ({ ...unwritten(), me: ada, messages: new Map() });
const run = (...events: ChannelEvent[]) => {
  const messages = new Map([[id(1), message(1)]]);
  for (const event of events) foldMessages(messages, event, ada);
  return messages.get(id(1));
};

describe("a channel's fold", () => {
  it("follows position, counts and the channel itself", () => {
    const fold = unwritten();
    expect(channelOf(fold)).toBeUndefined();
    const channel = {
      id: room,
      kind: "group" as const,
      settings: {},
      archived: false,
      seq: 1,
      epoch: 3,
      memberCount: 0,
    };
    foldChannel(fold, 3, { type: "channel:created", seq: 1, atMs: 1, by: ada, channel });
    const member = { userId: ada, role: "owner" as const, status: "active" as const, joinedAtMs: 1 };
    foldChannel(fold, 3, { type: "member:joined", seq: 2, atMs: 1, by: ada, member, memberCount: 1 });
    foldChannel(fold, 4, said(3));
    expect(fold).toMatchObject({ seq: 3, epoch: 4, memberCount: 1, messageCount: 3 });
    expect(channelOf(fold)).toEqual({ ...channel, seq: 3, epoch: 4, memberCount: 1 });
  });

  it("does not count replies in threads", () => {
    const fold = { ...unwritten(), seq: 4, messageCount: 4 };
    foldChannel(fold, 1, {
      ...said(5),
      message: message(5, { threadId: id(1), ordinal: 9 }),
    } as ChannelEvent);
    expect(fold.messageCount).toBe(4);
  });

  it("throws where an event does not follow, in seq or in reign", () => {
    expect(() => foldChannel({ ...unwritten(), seq: 4 }, 1, said(6))).toThrow("event 6 follows 4");
    expect(() => foldChannel({ ...unwritten(), seq: 4, epoch: 3 }, 2, said(5))).toThrow("epoch 2 follows 3");
  });
});

describe("rules I1, S2: a reader's envelopes", () => {
  it("enter in order and once", () => {
    const fold = reader();
    expect(foldEnvelope(fold, { epoch: 1, events: [said(1), said(2)] })).toBe("folded");
    expect(foldEnvelope(fold, { epoch: 1, events: [said(2), said(3)] })).toBe("folded");
    expect(foldEnvelope(fold, { epoch: 1, events: [said(1), said(3)] })).toBe("known");
    expect([...fold.messages.keys()]).toEqual([1, 2, 3].map(id));
    expect(fold).toMatchObject({ seq: 3, epoch: 1, messageCount: 3 });
  });

  it("wait for what is missing before them", () => {
    const fold = reader();
    expect(foldEnvelope(fold, { epoch: 1, events: [said(2)] })).toBe("gap");
    expect(fold).toMatchObject({ seq: 0, messageCount: 0 });
  });

  it("of a later reign go on where they follow, and tell of a fork where they do not", () => {
    const fold = reader();
    foldEnvelope(fold, { epoch: 1, events: [said(1), said(2)] });
    expect(foldEnvelope(fold, { epoch: 4, events: [said(2)] })).toBe("fork");
    expect(foldEnvelope(fold, { epoch: 4, events: [said(4)] })).toBe("gap");
    expect(foldEnvelope(fold, { epoch: 4, events: [said(3)] })).toBe("folded");
    expect(foldEnvelope(fold, { epoch: 1, events: [said(3), said(4)] })).toBe("known");
    expect(fold).toMatchObject({ seq: 3, epoch: 4 });
  });
});

describe("a reader's messages", () => {
  it("are edited by what the event names", () => {
    const edited = { type: "message:updated", seq: 2, atMs: 2, by: ada, messageId: id(1) } as const;
    expect(run({ ...edited, content: "new", html: "<p>new</p>", editedAtMs: 2 })).toMatchObject({
      content: "new",
      editedAtMs: 2,
    });
    expect(run({ ...edited, preview: { url: "u" } })).toMatchObject({
      content: "hello",
      preview: { url: "u" },
    });
  });

  it("keep an edit beside what arrives later: a preview, attachments", () => {
    const updated = { type: "message:updated", by: ada, messageId: id(1) } as const;
    const attachment = {
      id: "a",
      type: "image",
      url: "u",
      filename: "f.png",
      mimeType: "image/png",
      sizeBytes: 1,
    } as const;
    expect(
      run(
        { ...updated, seq: 2, atMs: 2, content: "new", html: "<p>new</p>", editedAtMs: 2 },
        { ...updated, seq: 3, atMs: 3, preview: { url: "u", title: "t" } },
        { ...updated, seq: 4, atMs: 4, attachments: [attachment] },
      ),
    ).toMatchObject({ content: "new", editedAtMs: 2, preview: { title: "t" }, attachments: [attachment] });
  });

  it("are deleted many at once, each with its reactions and its pin", () => {
    const messages = new Map([1, 2, 3].map((seq) => [id(seq), message(seq)]));
    const events: ChannelEvent[] = [
      reaction(4, "reaction:added", bob, 1),
      { type: "message:pinned", seq: 5, atMs: 5, by: bob, messageId: id(1) },
      { type: "message:deleted", seq: 6, atMs: 6, by: bob, messageIds: [id(1), id(3)] },
      reaction(7, "reaction:added", ada, 1),
    ];
    for (const event of events) foldMessages(messages, event, ada);
    for (const gone of [id(1), id(3)])
      expect(messages.get(gone)).toMatchObject({ content: "", reactions: [], pinned: false, deletedAtMs: 6 });
    expect(messages.get(id(2))).toEqual(message(2));
  });

  it("are never changed in place: who holds one keeps what they saw", () => {
    const before = message(1);
    const messages = new Map([[id(1), before]]);
    foldMessages(messages, reaction(2, "reaction:added", bob, 1), ada);
    foldMessages(messages, { type: "message:pinned", seq: 3, atMs: 3, by: bob, messageId: id(1) }, ada);
    expect(before).toEqual(message(1));
    expect(messages.get(id(1))).not.toBe(before);
  });

  it("leave nothing of themselves when deleted, and nothing brings them back", () => {
    const deleted = run(
      { type: "message:deleted", seq: 2, atMs: 2, by: ada, messageIds: [id(1)] },
      { type: "message:updated", seq: 3, atMs: 3, by: ada, messageId: id(1), content: "back" },
      { type: "message:pinned", seq: 4, atMs: 4, by: ada, messageId: id(1) },
    );
    expect(deleted).toMatchObject({ content: "", html: "", deletedAtMs: 2, pinned: false, authorId: ada });
  });

  it("are pinned and unpinned", () => {
    expect(run({ type: "message:pinned", seq: 2, atMs: 2, by: bob, messageId: id(1) })?.pinned).toBe(true);
    expect(run({ type: "message:unpinned", seq: 3, atMs: 2, by: bob, messageId: id(1) })?.pinned).toBe(false);
  });

  it("carry reactions with the reader's own, which follows from `by`", () => {
    const added = run(reaction(2, "reaction:added", ada, 1), reaction(3, "reaction:added", bob, 2));
    expect(added?.reactions).toEqual([{ emoji: "👍", count: 2, recent: [bob], me: true }]);
    const removed = run(
      reaction(2, "reaction:added", ada, 1),
      reaction(3, "reaction:added", bob, 2),
      reaction(4, "reaction:removed", ada, 1),
    );
    expect(removed?.reactions).toEqual([{ emoji: "👍", count: 1, recent: [ada] }]);
    expect(
      run(reaction(2, "reaction:added", bob, 1), reaction(3, "reaction:removed", bob, 0))?.reactions,
    ).toEqual([]);
  });

  it("keep their reactions in the order in which each emoji first came", () => {
    const signed = (emoji: string, event: ChannelEvent) => ({ ...event, emoji }) as ChannelEvent;
    const reactions = run(
      signed("👍", reaction(2, "reaction:added", ada, 1)),
      signed("🎉", reaction(3, "reaction:added", bob, 1)),
      signed("👍", reaction(4, "reaction:added", bob, 2)),
      signed("🎉", reaction(5, "reaction:added", ada, 2)),
    )?.reactions;
    expect(reactions?.map(({ emoji, count, me }) => [emoji, count, me])).toEqual([
      ["👍", 2, true],
      ["🎉", 2, true],
    ]);
    const gone = run(
      signed("👍", reaction(2, "reaction:added", ada, 1)),
      signed("🎉", reaction(3, "reaction:added", bob, 1)),
      signed("👍", reaction(4, "reaction:removed", ada, 0)),
      signed("👍", reaction(5, "reaction:added", bob, 1)),
    )?.reactions;
    expect(gone?.map(({ emoji, me }) => [emoji, me])).toEqual([
      ["🎉", undefined],
      ["👍", undefined],
    ]);
  });

  it("count their thread, and are never lowered", () => {
    const reply = (seq: number, replyCount: number): ChannelEvent => ({
      type: "message:new",
      seq,
      atMs: seq,
      by: bob,
      message: message(seq, { threadId: id(1) }),
      thread: { id: id(1), authorId: ada, replyCount, lastReplyAtMs: seq },
    });
    expect(run(reply(2, 2), reply(3, 1))).toMatchObject({ replyCount: 2, lastReplyAtMs: 2 });
  });

  it("that are not at hand pass by", () => {
    const messages = new Map<MessageId, Message>();
    foldMessages(messages, { type: "message:pinned", seq: 2, atMs: 2, by: bob, messageId: id(1) }, ada);
    expect(messages.size).toBe(0);
  });
});

describe("row C6: what a message quotes", () => {
  const quote = (of: number, excerpt = "hello") => ({ id: id(of), authorId: ada, excerpt });
  const reply = (seq: number, of: number): ChannelEvent => ({
    type: "message:new",
    seq,
    atMs: seq,
    by: bob,
    message: message(seq, { replyTo: quote(of) }),
  });
  const gone = (seq: number, ...of: number[]): ChannelEvent => ({
    type: "message:deleted",
    seq,
    atMs: seq,
    by: ada,
    ...(of.length === 1 ? { messageId: id(of[0]!) } : { messageIds: of.map(id) }),
  });
  const quotes = (...events: ChannelEvent[]) => {
    const messages = new Map<MessageId, Message>();
    for (const event of events) foldMessages(messages, event, ada);
    return [...messages.values()].flatMap(({ seq, replyTo }) => (replyTo ? [[seq, replyTo]] : []));
  };

  it("goes with it, wherever it is quoted, and who wrote it stays", () => {
    const before = [said(1), said(2), reply(3, 1), reply(4, 2), reply(5, 1)];
    const [one, two] = [quote(1, ""), quote(2)];
    expect(quotes(...before, gone(6, 1))).toEqual([
      [3, one],
      [4, two],
      [5, one],
    ]);
    expect(quotes(...before, gone(6, 2, 1))).toEqual([
      [3, one],
      [4, quote(2, "")],
      [5, one],
    ]);
  });

  it("goes where the message itself is not at hand, or was deleted before its answer was", () => {
    expect(quotes(reply(3, 1), gone(4, 1))).toEqual([[3, quote(1, "")]]);
    expect(quotes(said(1), gone(2, 1), reply(3, 1))).toEqual([[3, quote(1, "")]]);
    expect(quotes(said(1), reply(2, 1), gone(3, 2), gone(4, 1))).toEqual([[2, quote(1, "")]]);
  });

  it("goes with the answer, of which nothing is left but who, where and when", () => {
    expect(quotes(said(1), reply(2, 1), gone(3, 2))).toEqual([[2, quote(1, "")]]);
  });

  it("stays as it was quoted when it is edited", () => {
    const edited = { type: "message:updated" as const, seq: 3, atMs: 3, by: ada, messageId: id(1) };
    const changed = { ...edited, content: "else", html: "else", editedAtMs: 3 };
    expect(quotes(said(1), reply(2, 1), changed)).toEqual([[2, quote(1)]]);
  });
});
