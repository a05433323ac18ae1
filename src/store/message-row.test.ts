import { expect, test } from "vitest";
import { messageId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { fromMessage, toMessage } from "./message-row.ts";
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

test("a message comes back from its row as it was", () => {
  for (const message of [plain, full]) expect(toMessage(fromMessage(message))).toEqual(message);
});

test("a deleted message is a stub: nothing of what was said comes back, whatever the row still holds", () => {
  const row = fromMessage({ ...full, deletedAtMs: START_MS + 9 });
  const { threadId, replyCount, lastReplyAtMs, pinned, editedAtMs } = full;
  expect(toMessage(row)).toEqual({
    ...plain,
    type: "code",
    content: "",
    html: "",
    threadId,
    replyCount,
    lastReplyAtMs,
    pinned,
    editedAtMs,
    deletedAtMs: START_MS + 9,
  });
});
