import { expect, test } from "vitest";
import { messageId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { fromMessage, type MessageRow, type QuoteGone, toMessage } from "./message-row.ts";
import { channelId, clientId, START_MS, userId } from "./projector/test-log.ts";

const plain: Message = {
  id: messageId(channelId(1), 7),
  channelId: channelId(1),
  seq: 7,
  ordinal: 3,
  authorId: userId(1),
  clientId: clientId(1),
  type: "text",
  content: "hello",
  html: "<p>hello</p>",
  mentions: [],
  attachments: [],
  replyCount: 0,
  reactions: [],
  pinned: false,
  atMs: START_MS,
  metadata: {},
};
const full: Message = {
  ...plain,
  type: "code",
  language: "sql",
  filename: "a.sql",
  mentions: [{ kind: "user", userId: userId(2) }],
  attachments: [
    { id: "a", type: "file", url: "/files/a", filename: "a", mimeType: "text/plain", sizeBytes: 1 },
  ],
  preview: { url: "https://example.org" },
  replyTo: { id: messageId(channelId(1), 2), authorId: userId(2), excerpt: "what?" },
  threadId: messageId(channelId(1), 1),
  replyCount: 2,
  lastReplyAtMs: START_MS + 5,
  pinned: true,
  editedAtMs: START_MS + 6,
  encryption: { keyId: "k", algorithm: "a" },
  metadata: { mood: "good", n: 1, ok: true, none: null },
};

const rowOf = (message: Message, quoteGone = false): MessageRow & QuoteGone => ({
  ...fromMessage(message),
  reactions: null,
  quote_gone: quoteGone,
});

test("a message comes back from its row as it was", () => {
  for (const message of [plain, full]) expect(toMessage(rowOf(message))).toEqual(message);
});

test("a deleted message is a stub: nothing of what was said comes back, whatever the row still holds", () => {
  const reactions = [{ emoji: "👍", count: 1, recent: [userId(1)], since: 9 }];
  const row = { ...rowOf({ ...full, deletedAtMs: START_MS + 9 }), reactions };
  const { replyTo, threadId, replyCount, lastReplyAtMs, editedAtMs } = full;
  expect(toMessage(row)).toEqual({
    ...plain,
    type: "code",
    content: "",
    html: "",
    replyTo: { ...replyTo, excerpt: "" },
    threadId,
    replyCount,
    lastReplyAtMs,
    editedAtMs,
    deletedAtMs: START_MS + 9,
  });
});

test("whoever reads finds their own reactions marked, and nobody else's", () => {
  const reactions = [
    { emoji: "👍", count: 2, recent: [userId(1), userId(2)], since: 9 },
    { emoji: "🎉", count: 1, recent: [userId(2)], since: 12 },
  ];
  const row = { ...rowOf(plain), reactions };
  const [liked, cheered] = reactions.map(({ since, ...reaction }) => reaction);
  expect(toMessage(row).reactions).toEqual([liked, cheered]);
  expect(toMessage(row, ["🎉"]).reactions).toEqual([liked, { ...cheered, me: true }]);
});

test("row C6: what is quoted of a message that is gone does not come back", () => {
  const replyTo = { ...full.replyTo, excerpt: "" };
  expect(toMessage(rowOf(full, true))).toEqual({ ...full, replyTo });
  expect(toMessage(rowOf(plain, true))).toEqual(plain);
});
