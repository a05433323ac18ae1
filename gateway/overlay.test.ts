import { describe, expect, test } from "vitest";
import type { ChannelEvent } from "../protocol/events.ts";
import { type ChannelId, messageId, type UserId } from "../protocol/ids.ts";
import { overlayReactors, overlayVersions, pinnedMessages } from "./overlay.ts";
import { id, someMessage } from "./routes/rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const [ANN, BOB] = [id<UserId>(1), id<UserId>(2)];
const ID = messageId(CHANNEL, 1);
const at = (seq: number, by = ANN) => ({ seq, atMs: seq, by });
const reacted = (seq: number, by: UserId, emoji: string, on = true, of = 1): ChannelEvent => ({
  type: on ? "reaction:added" : "reaction:removed",
  ...at(seq, by),
  messageId: messageId(CHANNEL, of),
  emoji,
  count: 1,
  recent: [],
});
const edited = (seq: number, content: string | undefined, of = 1): ChannelEvent => ({
  type: "message:updated",
  ...at(seq),
  messageId: messageId(CHANNEL, of),
  content,
});
const deleted = (seq: number, ...of: number[]): ChannelEvent => ({
  type: "message:deleted",
  ...at(seq),
  messageIds: of.map((each) => messageId(CHANNEL, each)),
});

describe("row C8, rule H4: who has reacted", () => {
  const stored = [
    { userId: ANN, emoji: "👍" },
    { userId: BOB, emoji: "👍" },
  ];
  test("unflushed ones come last, what was taken away is gone, a repeat changes nothing", () => {
    const events = [
      reacted(2, BOB, "👍"),
      reacted(3, ANN, "👍", false),
      reacted(4, ANN, "🎉"),
      reacted(5, BOB, "🎉", true, 2),
    ];
    expect(overlayReactors(stored, events, ID)).toEqual([
      { userId: BOB, emoji: "👍" },
      { userId: ANN, emoji: "🎉" },
    ]);
    expect(overlayReactors(stored, [reacted(2, BOB, "🎉", false)], ID)).toEqual(stored);
  });
  test("a deleted message has none", () => {
    expect(overlayReactors(stored, [deleted(2, 3, 1)], ID)).toEqual([]);
    expect(overlayReactors(stored, [deleted(2, 3)], ID)).toEqual(stored);
  });
});

describe("row C5, rule H4: every text of a message", () => {
  test("each once, whether Postgres has it or not", () => {
    const born: ChannelEvent = {
      type: "message:new",
      ...at(1),
      message: someMessage(CHANNEL, 1, { content: "a" }),
    };
    const events = [
      born,
      edited(2, "b"),
      edited(3, undefined),
      edited(4, "x", 9),
      edited(5, "c"),
      deleted(6, 1),
    ];
    const all = [
      { content: "a", by: ANN, atMs: 1 },
      { content: "b", by: ANN, atMs: 2 },
      { content: "c", by: ANN, atMs: 5 },
    ];
    for (const known of [0, 1, 2, 3]) expect(overlayVersions(all.slice(0, known), events, ID)).toEqual(all);
  });
});

test("row C9: what the events leave pinned, the last pinned first", () => {
  const pin = (seq: number, of: number, type: "message:pinned" | "message:unpinned" = "message:pinned") =>
    ({ type, ...at(seq), messageId: messageId(CHANNEL, of) }) as ChannelEvent;
  const events = [
    pin(1, 1),
    pin(2, 2),
    pin(3, 3),
    pin(4, 2, "message:unpinned"),
    pin(5, 1),
    pin(6, 4),
    deleted(7, 4),
  ];
  expect(pinnedMessages(events)).toEqual([1, 3].map((seq) => messageId(CHANNEL, seq)));
});
