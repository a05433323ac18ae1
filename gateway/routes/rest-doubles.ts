/** Doubles for the tests of REST: accounts in memory, an owner that records what it was asked, and a history of its own. */
import pino from "pino";
import type { ChannelCommand, Opened } from "../../actors/commands.ts";
import type { Router } from "../../actors/ports.ts";
import type { Channel, Member } from "../../protocol/channel.ts";
import type { ChannelId, ClientId, UserId } from "../../protocol/ids.ts";
import { messageId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import type { User } from "../../protocol/users.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { createSignIns } from "../auth/accounts.ts";
import type { Passwords } from "../auth/passwords.ts";
import { createTokens } from "../auth/tokens.ts";
import { createAccountRates } from "../http/account-rates.ts";
import { createHttp } from "../http/create-http.ts";
import type { Accounts, History, Memberships, PageQuery } from "../ports.ts";
import { memoryPeople } from "./people-doubles.ts";
import type { RestOptions } from "./rest-options.ts";

/** A fixed UUIDv7 for small numbers: the same in every run, so that failures read alike. */
export function id<T extends string>(n: number): T {
  return `01890000-0000-7000-8000-${n.toString(16).padStart(12, "0")}` as T;
}

export function someMessage(channelId: ChannelId, seq: number, more: Partial<Message> = {}): Message {
  return {
    id: messageId(channelId, seq),
    channelId,
    seq,
    ordinal: seq,
    authorId: id<UserId>(1),
    clientId: id<ClientId>(seq + 1_000),
    type: "text",
    content: `m${seq}`,
    html: `<p>m${seq}</p>`,
    mentions: [],
    attachments: [],
    replyCount: 0,
    reactions: [],
    pinned: false,
    atMs: seq * 1_000,
    metadata: {},
    ...more,
  };
}

export function someChannel(channelId: ChannelId, more: Partial<Channel> = {}): Channel {
  return {
    id: channelId,
    kind: "private",
    name: "one",
    settings: {},
    archived: false,
    seq: 0,
    epoch: 1,
    memberCount: 1,
    ...more,
  };
}

export function someMember(userId: UserId, more: Partial<Member> = {}): Member {
  return { userId, role: "member", status: "active", joinedAtMs: 1, ...more };
}

export function someOpened(channel: Channel, userId: UserId, more: Partial<Opened> = {}): Opened {
  return {
    channel,
    membership: someMember(userId),
    seq: channel.seq,
    epoch: channel.epoch,
    unflushed: [],
    ...more,
  };
}

/** History over a plain list, as `History` promises it; `more` is what it has besides. */
export function listHistory(messages: readonly Message[], more: Partial<History> = {}): History {
  return {
    async page(channelId, query) {
      const thread = query.threadSeq && messageId(channelId, query.threadSeq);
      const all = messages.filter(({ seq, threadId }) => seq <= query.upToSeq && threadId === thread);
      const place = all.findIndex((message) => message.seq >= placeOf(query, all));
      const at = place === -1 ? all.length : place;
      const [from, to] = rangeOf(query, at, all.length);
      return { messages: all.slice(from, to), hasOlder: from > 0, hasNewer: to < all.length };
    },
    async changed(_channelId, since, limit) {
      return messages
        .filter((message) => ("seq" in since ? message.seq > since.seq : message.atMs > since.atMs))
        .slice(0, limit);
    },
    versions: async () => [],
    pins: async () => messages.filter(({ pinned }) => pinned).reverse(),
    reactors: async () => [],
    receipts: async () => [],
    thread: async () => ({ participants: [], following: false, readCount: 0 }),
    ...more,
  };
}

function placeOf(query: PageQuery, all: readonly Message[]): number {
  const { beforeSeq, afterSeq, aroundSeq, aroundMs } = query;
  if (aroundMs !== undefined) return all.find((message) => message.atMs >= aroundMs)?.seq ?? Infinity;
  return beforeSeq ?? (afterSeq === undefined ? undefined : afterSeq + 1) ?? aroundSeq ?? Infinity;
}

function rangeOf(
  { limit, afterSeq, aroundSeq, aroundMs }: PageQuery,
  at: number,
  length: number,
): [number, number] {
  if (afterSeq !== undefined) return [at, Math.min(length, at + limit)];
  if (aroundSeq === undefined && aroundMs === undefined) return [Math.max(0, at - limit), at];
  const from = Math.max(0, Math.min(at - Math.floor(limit / 2), length - limit));
  return [from, Math.min(length, from + limit)];
}

/** Accounts in memory, with families of refresh tokens that notice a second use. */
export function memoryAccounts(): Accounts & { revoked: { userId: UserId; atMs: number }[]; all(): User[] } {
  const rows = new Map<UserId, { user: User; email?: string; passwordHash: string }>();
  const families = new Map<string, { userId: UserId; live: string; used: Set<string> }>();
  const revoked: { userId: UserId; atMs: number }[] = [];
  const find = (test: (row: { user: User; email?: string }) => boolean) => [...rows.values()].find(test);
  const same = (a: string | undefined, b: string) => a?.toLowerCase() === b.toLowerCase();
  return {
    revoked,
    all: () => [...rows.values()].map(({ user }) => user),
    async create({ id: userId, username, displayName, email, passwordHash }) {
      const known = rows.get(userId);
      if (known) return same(known.user.username, username) ? known.user : "taken";
      if (find((row) => same(row.user.username, username) || (email !== undefined && same(row.email, email))))
        return "taken";
      const user: User = { id: userId, username, displayName, bot: false, createdAtMs: 1 };
      rows.set(userId, { user, email, passwordHash });
      return user;
    },
    byLogin: async (login) =>
      find((row) => same(row.user.username, login) || same(row.email, login)) as never,
    users: async (ids) => ids.flatMap((userId) => rows.get(userId)?.user ?? []),
    byUsernames: async (names) =>
      names.flatMap((name) => find((row) => same(row.user.username, name))?.user ?? []),
    async startFamily({ id: familyId, userId, tokenHash }) {
      families.set(familyId, { userId, live: tokenHash, used: new Set() });
    },
    async rotate(tokenHash, nextHash) {
      for (const [familyId, family] of families) {
        if (family.used.has(tokenHash)) {
          families.delete(familyId);
          return "reused";
        }
        if (family.live !== tokenHash) continue;
        family.used.add(tokenHash);
        family.live = nextHash;
        return { userId: family.userId };
      }
      return "unknown";
    },
    async endFamily(tokenHash) {
      for (const [familyId, family] of families) if (family.live === tokenHash) families.delete(familyId);
    },
    async revokeAll(userId, atMs) {
      revoked.push({ userId, atMs });
    },
    revocations: async () => [],
  };
}

/** Hashes at once and says so: Argon2id itself is tried in `passwords.test.ts`. */
const plainPasswords: Passwords = {
  hash: async (password) => `plain ${Math.random()} ${password}`,
  matches: async (password, stored) =>
    stored !== undefined && stored.split(" ").slice(2).join(" ") === password,
};

/** Answers of the owner by kind of command; the rest is `not_found`. */
export type Owner = {
  [T in ChannelCommand["type"]]?: (
    channelId: ChannelId,
    command: Extract<ChannelCommand, { type: T }>,
  ) => Answer;
};

/** The whole of HTTP over doubles. `asked` is what reached the owner, in order. */
export async function createRestWorld(owner: Owner = {}, more: Partial<RestOptions> = {}) {
  const asked: { channelId: ChannelId; command: ChannelCommand }[] = [];
  const askChannel = async (channelId: ChannelId, command: ChannelCommand) => {
    asked.push({ channelId, command });
    const answer = owner[command.type] as ((id: ChannelId, command: ChannelCommand) => Answer) | undefined;
    return answer?.(channelId, command) ?? refused("not_found");
  };
  const router = {
    askChannel,
    askUser: async () => refused("unavailable"),
    heads: async () => new Map(),
  } as unknown as Router;
  const accounts = memoryAccounts();
  const people = memoryPeople(accounts, accounts.all);
  let nowMs = 1_750_000_000_000;
  const clock = { nowMs: () => nowMs };
  const tokens = createTokens({
    secret: "a secret of the tests, 32 bytes ok",
    issuer: "hubbub",
    audience: "hubbub",
    ...clock,
  });
  const memberships: Memberships = {
    ofUser: async () => [],
    listed: async () => [],
    members: async () => [],
  };
  const isRevoked = ({ userId, issuedAtMs }: { userId: UserId; issuedAtMs: number }) =>
    accounts.revoked.some((revocation) => revocation.userId === userId && issuedAtMs <= revocation.atMs);
  const app = await createHttp({
    router,
    accounts,
    people,
    ownAccounts: true,
    memberships,
    history: listHistory([]),
    search: { find: async () => ({ found: [] }), hits: async () => [] },
    connected: { of: async () => ({ userIds: [], count: 0, isWhole: true }) },
    signIns: createSignIns({
      accounts,
      tokens,
      passwords: plainPasswords,
      revocations: { revoke: async () => {} },
      ...clock,
    }),
    accountRates: createAccountRates({
      redis: undefined as never,
      prefix: "hub",
      registrationsPerMinute: 1,
      enabled: false,
    }),
    takeMessage: async () => ({ ok: true, limit: 100, remaining: 99, resetMs: 60_000 }),
    ...clock,
    tokens,
    isRevoked,
    origins: [],
    trustedProxies: 0,
    logger: pino({ level: "silent" }),
    metrics: createMetrics({ defaults: false }),
    ...more,
  });
  return {
    app,
    asked,
    accounts,
    people,
    tokens,
    later(ms: number) {
      nowMs += ms;
    },
    /** Someone who is registered, and their Bearer header. */
    async person(n: number, username = `person${n}`) {
      const user = (await accounts.create({
        id: id(n),
        username,
        displayName: username,
        passwordHash: "plain 0 secret of the tests",
      })) as User;
      return { user, headers: { authorization: `Bearer ${tokens.issueToken(user.id).token}` } };
    },
  };
}

/** The same, with ann (1), who asks, and bob (2). */
export async function createAsker(owner: Owner = {}, more: Partial<RestOptions> = {}) {
  const world = await createRestWorld(owner, more);
  const { headers } = await world.person(1, "ann");
  await world.person(2, "bob");
  const ask = async (line: string, payload?: object) => {
    const [method, path] = line.split(" ") as ["GET", string];
    const response = await world.app.inject({
      method,
      url: `/api/v1${path}`,
      headers,
      ...(payload && { payload }),
    });
    return { status: response.statusCode, headers: response.headers, body: response.json() };
  };
  return { ...world, ask };
}

/** An owner who lets everyone read `channel`. */
export function opens(channel: Channel, more: Partial<Opened> = {}): Owner {
  return { open: (_id, { by }) => ({ ok: true, ...someOpened(channel, by, more) }) };
}

/** An owner who has these messages. */
export function tells(messages: readonly Message[]): Owner {
  return {
    message(_id, { seq }) {
      const message = messages.find((each) => each.seq === seq);
      return message ? { ok: true, message } : refused("not_found");
    },
  };
}
