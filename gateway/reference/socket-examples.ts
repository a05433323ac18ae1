/** One example for each event of the Socket.IO side, either way. The API documents show them. */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { AnswerOf, RequestName, RequestOf } from "../../protocol/requests.ts";
import {
  ANN,
  ANSWER_IN_THREAD,
  AT_MS,
  BEN,
  CHANNEL,
  CLIENT_ID,
  GREETING,
  MEMBER,
  MESSAGE,
  OWN_MEMBERSHIP,
  PAGE,
  REPLY,
  TOKEN,
  TOPIC,
} from "./things.ts";
import type { TOLD } from "./told.ts";

type RequestExamples = {
  readonly [E in RequestName]: { request: RequestOf<E>; answer: AnswerOf<E> };
};

const ofChannel = { channelId: CHANNEL };
const ofMessage = { messageId: MESSAGE };
const opened = { channel: TOPIC, membership: OWN_MEMBERSHIP, recent: PAGE, seq: 9, epoch: 2 };
const about = { channelId: CHANNEL, userId: BEN };
const by = (seq: number, whom = ANN) => ({ seq, atMs: AT_MS, by: whom });
const answerInThread: ChannelEvent = {
  type: "message:new",
  ...by(9, BEN),
  message: ANSWER_IN_THREAD,
  thread: { id: MESSAGE, authorId: ANN, replyCount: 1, lastReplyAtMs: AT_MS + 60_000 },
};
const synced = { events: [answerInThread], seq: 9, epoch: 2, more: false };

/** Requests and their answers, without `ok`. */
export const REQUEST_EXAMPLES: RequestExamples = {
  "message:send": {
    request: { ...ofChannel, clientId: CLIENT_ID, content: "hello **world**" },
    answer: { message: GREETING, durability: "logged" },
  },
  "message:edit": {
    request: { ...ofMessage, content: "hello all" },
    answer: {
      message: { ...GREETING, content: "hello all", html: "<p>hello all</p>\n", editedAtMs: AT_MS + 30_000 },
    },
  },
  "message:delete": { request: ofMessage, answer: {} },
  "message:pin": { request: ofMessage, answer: {} },
  "message:unpin": { request: ofMessage, answer: {} },
  "reaction:add": { request: { ...ofMessage, emoji: "👍" }, answer: { count: 1 } },
  "reaction:remove": { request: { ...ofMessage, emoji: "👍" }, answer: { count: 0 } },
  "channel:join": { request: ofChannel, answer: opened },
  "channel:open": { request: ofChannel, answer: opened },
  "channel:close": { request: ofChannel, answer: {} },
  "channel:leave": { request: ofChannel, answer: {} },
  "channel:sync": { request: { ...ofChannel, afterSeq: 8, epoch: 2 }, answer: synced },
  "channel:read": { request: { ...ofChannel, seq: 9 }, answer: { unread: 0 } },
  "channel:delivered": { request: { ...ofChannel, seq: 9 }, answer: {} },
  "channel:update": {
    request: { ...ofChannel, settings: { slowModeSeconds: 10 } },
    answer: { channel: TOPIC },
  },
  "member:invite": { request: about, answer: { member: { ...MEMBER, status: "pending" } } },
  "member:update": {
    request: { ...about, role: "moderator" },
    answer: { member: { ...MEMBER, role: "moderator" } },
  },
  "member:remove": {
    request: { ...about, bannedUntilMs: null },
    answer: { member: { ...MEMBER, status: "removed", bannedUntilMs: null } },
  },
  "typing:start": { request: ofChannel, answer: {} },
  "typing:stop": { request: ofChannel, answer: {} },
  "presence:update": { request: { status: "dnd", text: "in a lecture" }, answer: {} },
  "presence:watch": {
    request: { userIds: [BEN] },
    answer: { presences: [{ userId: BEN, status: "online" }] },
  },
  "presence:unwatch": { request: { userIds: [BEN] }, answer: {} },
  "session:resume": {
    request: { channels: { [CHANNEL]: [8, 2] } },
    answer: { channels: { [CHANNEL]: synced }, joined: [], left: [] },
  },
  "health:check": {
    request: {},
    answer: {
      node: "node-0.5f2c1a",
      atMs: AT_MS,
      redis: "ok",
      postgres: "ok",
      roles: ["gateway", "actors", "worker"],
    },
  },
};

/** Each kind of event in a channel. */
export const EVENT_EXAMPLES: { readonly [T in ChannelEvent["type"]]: Extract<ChannelEvent, { type: T }> } = {
  "message:new": answerInThread,
  "message:updated": {
    type: "message:updated",
    ...by(10),
    ...ofMessage,
    content: "hello all",
    html: "<p>hello all</p>\n",
    editedAtMs: AT_MS,
  },
  "message:deleted": { type: "message:deleted", ...by(11), messageIds: [MESSAGE, REPLY] },
  "message:pinned": { type: "message:pinned", ...by(12), ...ofMessage },
  "message:unpinned": { type: "message:unpinned", ...by(13), ...ofMessage },
  "reaction:added": {
    type: "reaction:added",
    ...by(14, BEN),
    ...ofMessage,
    emoji: "👍",
    count: 1,
    recent: [BEN],
  },
  "reaction:removed": {
    type: "reaction:removed",
    ...by(15, BEN),
    ...ofMessage,
    emoji: "👍",
    count: 0,
    recent: [],
  },
  "member:joined": { type: "member:joined", ...by(2, BEN), member: MEMBER, memberCount: 2 },
  "member:left": {
    type: "member:left",
    ...by(16, BEN),
    userId: BEN,
    member: { ...MEMBER, status: "left" },
    memberCount: 1,
  },
  "member:updated": {
    type: "member:updated",
    ...by(17),
    member: { ...MEMBER, mutedUntilMs: AT_MS + 600_000 },
    memberCount: 2,
  },
  "channel:created": { type: "channel:created", ...by(1), channel: { ...TOPIC, seq: 1, memberCount: 1 } },
  "channel:updated": { type: "channel:updated", ...by(18), channel: { ...TOPIC, seq: 18 } },
  "channel:archived": {
    type: "channel:archived",
    ...by(19),
    channel: { ...TOPIC, seq: 19, archived: true },
  },
};

/** What else the server says, and what a client brings to the handshake. */
export const TOLD_EXAMPLES: Readonly<Record<keyof typeof TOLD, object>> = {
  "session:ready": {
    userId: ANN,
    connectionId: "Zq3n0pXkq1WbAAAB",
    node: "node-0.5f2c1a",
    heartbeatMs: 25_000,
    limits: {
      gapGraceMs: 550,
      eventsPerSecond: 50,
      messagesPerMinute: 100,
      packetBytes: 65_536,
      contentCharacters: 4_000,
    },
    channels: [{ id: CHANNEL, seq: 9, epoch: 2, unread: 2, mentions: 1 }],
  },
  "session:closing": { reason: "drain", reconnectAfterMs: 1_200 },
  "channel:events": { channelId: CHANNEL, epoch: 2, events: [answerInThread] },
  "channel:heads": { heads: [{ channelId: CHANNEL, seq: 9, epoch: 2, messageCount: 5 }] },
  "channel:behind": { channelId: CHANNEL, seq: 9, epoch: 2 },
  typing: { channelId: CHANNEL, userIds: [BEN], more: 0 },
  receipts: { channelId: CHANNEL, marks: [{ userId: BEN, delivered: 9, read: 7 }] },
  presence: { userId: BEN, status: "offline", lastSeenAtMs: AT_MS },
  unread: { channelId: CHANNEL, unread: 0, mentions: 0, lastReadSeq: 9 },
  notification: { kind: "reply", channelId: CHANNEL, messageId: REPLY, by: BEN },
};
export const HANDSHAKE_EXAMPLE = {
  token: TOKEN,
  protocol: 1,
  device: "laptop",
  resume: { [CHANNEL]: [7, 2] },
};
