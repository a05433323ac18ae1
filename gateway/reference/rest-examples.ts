/** One example for each route: a request that its schemas take and an answer that they give. The API documents show them. */
import { DEFAULT_SETTINGS } from "../../protocol/people.ts";
import {
  ANN,
  ANSWER_IN_THREAD,
  AT_MS,
  BEN,
  CHANNEL,
  CLIENT_ID,
  DIFFERENCE,
  GREETING,
  MEMBER,
  MESSAGE,
  NEW_CHANNEL,
  OTHER_USER,
  OWN_MEMBERSHIP,
  PAGE,
  REFRESH_TOKEN,
  SPACE,
  SPACE_ENTRY,
  TOKEN,
  TOPIC,
  USER,
} from "./things.ts";

/** What is absent has nothing to say: no parameters, no query, no body. */
export type RestExample = {
  params?: Readonly<Record<string, string>>;
  /** As in the URL: text. */
  query?: Readonly<Record<string, string>>;
  body?: object;
  answer: object;
};

const signedIn = { user: USER, token: TOKEN, refreshToken: REFRESH_TOKEN, expiresAtMs: AT_MS + 900_000 };
const ofChannel = { params: { id: CHANNEL } };
const ofSpace = { params: { id: SPACE } };
const ofMessage = { params: { id: MESSAGE } };
const ofBen = { params: { id: BEN } };
const draft = { clientId: CLIENT_ID, content: GREETING.content };
const opened = { channel: TOPIC, membership: OWN_MEMBERSHIP, recent: PAGE, seq: 9, epoch: 2 };
const listed = { channel: TOPIC, membership: OWN_MEMBERSHIP, unread: 2, mentions: 1, lastReadSeq: 6 };
const settings = { ...DEFAULT_SETTINGS, timeZone: "Europe/Berlin", keywords: ["tides"] };
const publicKey = {
  keyId: "phone-1",
  algorithm: "x25519",
  key: "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
};
const hit = { message: GREETING, excerpt: { text: "hello world", marks: [[0, 5]] } };
const differences = {
  atMs: AT_MS,
  channels: { [CHANNEL]: DIFFERENCE },
  joined: [],
  left: [],
  unavailable: [],
};

/** What channels and spaces have in common: their members. */
function memberExamples(of: "channels" | "spaces", id: string): Record<string, RestExample> {
  const params = { id };
  const whom = { id, userId: BEN };
  return {
    [`GET /${of}/:id/members`]: {
      params,
      query: { limit: "50" },
      answer: { members: [{ user: OTHER_USER, member: MEMBER }] },
    },
    [`POST /${of}/:id/members`]: {
      params,
      body: { userId: BEN },
      answer: { member: { ...MEMBER, status: "pending" } },
    },
    [`PATCH /${of}/:id/members/:userId`]: {
      params: whom,
      body: { mutedUntilMs: AT_MS + 600_000 },
      answer: { member: { ...MEMBER, mutedUntilMs: AT_MS + 600_000 } },
    },
    [`DELETE /${of}/:id/members/:userId`]: {
      params: whom,
      query: { bannedUntilMs: "forever" },
      answer: { member: { ...MEMBER, status: "removed", bannedUntilMs: null } },
    },
    [`POST /${of}/:id/leave`]: { params, answer: {} },
  };
}

/** By the line of the route, as `gateway/routes/` writes it. A test keeps one for each. */
export const REST_EXAMPLES: Readonly<Record<string, RestExample>> = {
  "POST /auth/register": { body: { username: "ann", password: "correct horse" }, answer: signedIn },
  "POST /auth/login": { body: { login: "ann", password: "correct horse" }, answer: signedIn },
  "POST /auth/refresh": { body: { refreshToken: REFRESH_TOKEN }, answer: signedIn },
  "POST /auth/logout": { body: { refreshToken: REFRESH_TOKEN }, answer: {} },
  "POST /auth/revoke-all": { answer: {} },
  "GET /users/me": { answer: { user: USER } },
  "PATCH /users/me": {
    body: { displayName: "Ann B." },
    answer: { user: { ...USER, displayName: "Ann B." } },
  },
  "GET /users/search": { query: { q: "be", limit: "10" }, answer: { users: [OTHER_USER] } },
  "GET /users/:id": { ...ofBen, answer: { user: OTHER_USER } },
  "GET /users/:id/presence": { ...ofBen, answer: { presence: { userId: BEN, status: "away" } } },
  "PUT /users/me/keys": { body: publicKey, answer: {} },
  "GET /users/:id/keys": { ...ofBen, answer: { key: publicKey } },
  "GET /users/me/settings": { answer: { settings } },
  "PATCH /users/me/settings": {
    body: { timeZone: "Europe/Berlin", keywords: ["tides"] },
    answer: { settings },
  },
  "PATCH /channels/:id/members/me": {
    ...ofChannel,
    body: { notify: "mentions" },
    answer: { notify: "mentions" },
  },
  "GET /users/me/blocks": { answer: { users: [OTHER_USER] } },
  "PUT /users/:id/block": { ...ofBen, answer: {} },
  "DELETE /users/:id/block": { ...ofBen, answer: {} },
  "GET /spaces": { answer: { spaces: [SPACE_ENTRY] } },
  "POST /spaces": { body: { id: SPACE, name: "Lab", slug: "lab" }, answer: { space: SPACE_ENTRY } },
  "GET /spaces/:id": { ...ofSpace, answer: { space: SPACE_ENTRY, membership: OWN_MEMBERSHIP } },
  "PATCH /spaces/:id": {
    ...ofSpace,
    body: { description: "Where we try things" },
    answer: { space: { ...SPACE_ENTRY, description: "Where we try things" } },
  },
  "DELETE /spaces/:id": { ...ofSpace, answer: { space: { ...SPACE_ENTRY, archived: true } } },
  "POST /spaces/:id/join": { ...ofSpace, answer: { space: SPACE_ENTRY, membership: MEMBER } },
  ...memberExamples("spaces", SPACE),
  "GET /channels": { query: { spaceId: SPACE, kind: "topic" }, answer: { channels: [listed] } },
  "POST /channels": {
    body: { id: NEW_CHANNEL, kind: "topic", spaceId: SPACE, name: "tides" },
    answer: { channel: { ...TOPIC, id: NEW_CHANNEL, name: "tides", settings: {}, seq: 2, memberCount: 1 } },
  },
  "GET /channels/:id": { ...ofChannel, answer: { channel: TOPIC, membership: OWN_MEMBERSHIP } },
  "PATCH /channels/:id": {
    ...ofChannel,
    body: { settings: { slowModeSeconds: 10 } },
    answer: { channel: TOPIC },
  },
  "POST /channels/:id/join": { ...ofChannel, answer: opened },
  ...memberExamples("channels", CHANNEL),
  "GET /channels/:id/present": {
    ...ofChannel,
    query: { limit: "50" },
    answer: {
      memberCount: 2,
      members: [{ user: OTHER_USER, member: MEMBER, presence: { userId: BEN, status: "online" } }],
    },
  },
  "GET /channels/:id/messages": { ...ofChannel, query: { limit: "1" }, answer: PAGE },
  "POST /channels/:id/messages": {
    ...ofChannel,
    body: draft,
    answer: { message: GREETING, durability: "logged" },
  },
  "POST /channels/:id/messages/delete": { ...ofChannel, body: { messageIds: [MESSAGE] }, answer: {} },
  "GET /messages/:id": { ...ofMessage, answer: { message: GREETING } },
  "PATCH /messages/:id": {
    ...ofMessage,
    body: { content: "hello all" },
    answer: {
      message: {
        ...GREETING,
        content: "hello all",
        html: "<p>hello all</p>\n",
        editedAtMs: AT_MS + 30_000,
      },
    },
  },
  "DELETE /messages/:id": { ...ofMessage, answer: {} },
  "GET /messages/:id/history": {
    ...ofMessage,
    answer: { versions: [{ content: GREETING.content, by: ANN, atMs: AT_MS }] },
  },
  "PUT /messages/:id/read": { ...ofMessage, answer: { unread: 0 } },
  "GET /messages/:id/reactions": { ...ofMessage, answer: { reactors: [{ userId: BEN, emoji: "👍" }] } },
  "POST /messages/:id/reactions": { ...ofMessage, body: { emoji: "👍" }, answer: { count: 1 } },
  "DELETE /messages/:id/reactions": { ...ofMessage, query: { emoji: "👍" }, answer: { count: 0 } },
  "PUT /messages/:id/pin": { ...ofMessage, answer: {} },
  "DELETE /messages/:id/pin": { ...ofMessage, answer: {} },
  "GET /channels/:id/pins": { ...ofChannel, answer: { messages: [{ ...GREETING, pinned: true }] } },
  "GET /threads/:id/messages": {
    ...ofMessage,
    query: { limit: "50" },
    answer: {
      messages: [ANSWER_IN_THREAD],
      seq: 9,
      epoch: 2,
      root: GREETING,
      participants: [BEN],
      following: true,
      unread: 1,
    },
  },
  "PUT /threads/:id/follow": { ...ofMessage, body: { following: true }, answer: { unread: 1 } },
  "GET /channels/:id/receipts": {
    ...ofChannel,
    query: { messageId: MESSAGE },
    answer: { receipts: [{ userId: BEN, delivered: true, read: true }] },
  },
  "GET /dm": { answer: { channels: [] } },
  "POST /dm": {
    body: { userId: BEN },
    answer: { channel: { ...TOPIC, kind: "dm", spaceId: undefined, name: undefined, settings: {} } },
  },
  "GET /sync": { query: { since: "2026-01-05T11:00:00Z" }, answer: differences },
  "POST /sync": { body: { channels: { [CHANNEL]: [7, 2] } }, answer: differences },
  "GET /search": { query: { q: "hello", spaceId: SPACE, has: "link" }, answer: { hits: [hit] } },
  "GET /channels/:id/messages/search": { ...ofChannel, query: { q: "hello" }, answer: { hits: [hit] } },
};
