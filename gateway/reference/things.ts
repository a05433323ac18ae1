/** The people and things of which the examples in the API documents speak. Each satisfies its schema in `protocol/`. */
import type { Channel, Member } from "../../protocol/channel.ts";
import type { ChannelId, ClientId, MessageId, UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { MessagePage } from "../../protocol/requests.ts";
import type { ChannelDifference } from "../../protocol/rest.ts";
import type { User } from "../../protocol/users.ts";

/** 2026-01-05T12:00:00Z. */
export const AT_MS = 1_767_614_400_000;

const id = (n: number) => `019b8e16-8800-7000-8000-${String(n).padStart(12, "0")}`;
export const ANN = id(1) as UserId;
export const BEN = id(2) as UserId;
export const SPACE = id(3) as ChannelId;
export const CHANNEL = id(4) as ChannelId;
export const NEW_CHANNEL = id(5) as ChannelId;
export const CLIENT_ID = id(6) as ClientId;
export const MESSAGE = `${CHANNEL}.7` as MessageId;
export const REPLY = `${CHANNEL}.9` as MessageId;
/** Opaque, as cursors, tokens of refresh and JSON Web Tokens are. */
export const CURSOR = "YmVmb3JlOjc";
export const REFRESH_TOKEN = "Vn3pQ0jv5G2m1Xo9cR7sK4tYb8uLw6zAeFhDiNqTxCg";
export const TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTliIn0.c2lnbmF0dXJl";

export const USER: User = {
  id: ANN,
  username: "ann",
  displayName: "Ann",
  bot: false,
  createdAtMs: AT_MS - 86_400_000,
};
export const OTHER_USER: User = {
  id: BEN,
  username: "ben",
  displayName: "Ben",
  bio: "Talks about tides.",
  bot: false,
  createdAtMs: AT_MS - 43_200_000,
};

export const MEMBER: Member = {
  userId: BEN,
  role: "member",
  status: "active",
  joinedAtMs: AT_MS - 3_600_000,
};
export const OWN_MEMBERSHIP: Member = { ...MEMBER, userId: ANN, role: "owner" };

export const SPACE_ENTRY: Channel = {
  id: SPACE,
  kind: "space",
  name: "Lab",
  slug: "lab",
  language: "english",
  settings: {},
  archived: false,
  seq: 3,
  epoch: 2,
  memberCount: 2,
};
export const TOPIC: Channel = {
  id: CHANNEL,
  spaceId: SPACE,
  kind: "topic",
  name: "general",
  description: "Whatever has no channel of its own",
  settings: { slowModeSeconds: 10 },
  archived: false,
  seq: 9,
  epoch: 2,
  memberCount: 2,
};

export const GREETING: Message = {
  id: MESSAGE,
  channelId: CHANNEL,
  seq: 7,
  ordinal: 5,
  authorId: ANN,
  clientId: CLIENT_ID,
  type: "text",
  content: "hello **world**",
  html: "<p>hello <strong>world</strong></p>\n",
  mentions: [],
  attachments: [],
  replyCount: 1,
  lastReplyAtMs: AT_MS + 60_000,
  reactions: [{ emoji: "👍", count: 1, recent: [BEN] }],
  pinned: false,
  atMs: AT_MS,
  metadata: {},
};
export const ANSWER_IN_THREAD: Message = {
  ...GREETING,
  id: REPLY,
  seq: 9,
  ordinal: 1,
  authorId: BEN,
  content: "hello Ann",
  html: "<p>hello Ann</p>\n",
  threadId: MESSAGE,
  replyCount: 0,
  lastReplyAtMs: undefined,
  reactions: [],
  atMs: AT_MS + 60_000,
};

export const PAGE: MessagePage = { messages: [GREETING], seq: 9, epoch: 2, older: CURSOR };
export const DIFFERENCE: ChannelDifference = {
  channel: TOPIC,
  membership: OWN_MEMBERSHIP,
  messages: [GREETING],
  seq: 9,
  epoch: 2,
};
