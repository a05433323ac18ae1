/** Session actors as they are; who is a member, and who is connected, stand in plain lists. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HandGate, HandWorld } from "../../actors/doubles.ts";
import type { PersonRow, ShardActors } from "../../actors/ports.ts";
import { createStartActors } from "../../actors/shard-actors.ts";
import type { Member } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelId, ConnectionId, UserId } from "../../protocol/ids.ts";
import { PresentPage } from "../../protocol/present.ts";
import { refused } from "../../protocol/refusals.ts";
import { createAsker, id, someChannel, someMember, someOpened } from "./rest-doubles.ts";
import type { RestOptions } from "./rest-options.ts";

const CHANNEL = id<ChannelId>(9);
const SPACE = id<ChannelId>(8);
const ANN = id<UserId>(1);
/** After a start nobody is declared offline for 10 s. */
const DOUBT_MS = 10_000;

let hand: HandWorld;
let actors: ShardActors;
/** Who was asked how they look. */
let looked: UserId[];
beforeEach(async () => {
  hand = new HandWorld();
  ({ actors } = await createStartActors(hand)(new HandGate(), []));
  hand.skewMs = DOUBT_MS;
  looked = [];
});
afterEach(() => actors.end());

const people = (from: number, count: number) => Array.from({ length: count }, (_, i) => id<UserId>(from + i));
/** Of the channel, and of its space where it has one; user ids from 10 on. */
type Crowd = {
  members: UserId[];
  connected?: UserId[];
  isWhole?: boolean;
  /** More than are connected and named. */
  count?: number;
  /** Their session actors cannot be asked. */
  away?: UserId[];
  memberCount?: number;
  inSpace?: UserId[];
  unflushed?: ChannelEvent[];
  unflushedInSpace?: ChannelEvent[];
};

const left = (userId: UserId, status: Member["status"] = "left") =>
  ({
    type: "member:updated",
    seq: 1,
    atMs: 1,
    by: ANN,
    memberCount: 1,
    member: someMember(userId, { status }),
  }) as ChannelEvent;

async function createCrowd({ members, connected = [], isWhole = true, inSpace, ...more }: Crowd) {
  const { memberCount = members.length, count = connected.length } = more;
  for (const userId of connected) attach(userId);
  const rowsOf = new Map([
    [CHANNEL, members],
    [SPACE, inSpace ?? []],
  ]);
  const inMemory: RestOptions["memberships"] = {
    ofUser: async () => [],
    listed: async () => [],
    members: async (channelId, { afterUserId = "", among, limit }) =>
      rowsOf
        .get(channelId)!
        .filter((userId) => userId > afterUserId && (among?.includes(userId) ?? true))
        .slice(0, limit)
        .map((userId) => ({ user: userOf(userId), member: someMember(userId) })),
  };
  const channels = new Map([
    [CHANNEL, someChannel(CHANNEL, { memberCount, ...(inSpace && { kind: "topic", spaceId: SPACE }) })],
    [SPACE, someChannel(SPACE, { kind: "space" })],
  ]);
  const unflushed = { [CHANNEL]: more.unflushed, [SPACE]: more.unflushedInSpace };
  const router = {
    askChannel: async (channelId: ChannelId, { type, by }: { type: string; by: UserId }) =>
      type === "open"
        ? {
            ok: true,
            ...someOpened(channels.get(channelId)!, by, { unflushed: unflushed[channelId] ?? [] }),
          }
        : refused("not_found"),
    askUser(userId: UserId, command: never) {
      looked.push(userId);
      if (more.away?.includes(userId)) return Promise.resolve(refused("unavailable"));
      return new Promise((resolve) => actors.askUser(userId, command, resolve as never));
    },
  } as unknown as RestOptions["router"];
  let questions = 0;
  const { ask } = await createAsker(
    {},
    {
      router,
      memberships: inMemory,
      connected: {
        of: async () => {
          questions++;
          return { userIds: connected.slice().reverse(), count, isWhole };
        },
      },
    },
  );
  const page = async (query = "") => {
    const { status, body } = await ask(`GET /channels/${CHANNEL}/present${query}`);
    expect(status).toBe(200);
    return PresentPage.strict().parse(body);
  };
  /** Every page, one after the other: who is named, and how they look. */
  const all = async (limit: number) => {
    const found: string[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const answer: PresentPage = await page(`?limit=${limit}${next && `&after=${next}`}`);
      expect(answer.members!.length).toBeLessThanOrEqual(limit);
      found.push(...answer.members!.map(({ user, presence }) => `${user.id} ${presence.status}`));
      next = answer.next;
    }
    return found;
  };
  return { ask, page, all, questions: () => questions };
}

function attach(userId: UserId): void {
  const atMs = hand.clock.nowMs();
  const connections = [{ connectionId: `c${userId}` as ConnectionId, sinceMs: atMs, activeAtMs: atMs }];
  actors.askUser(userId, { type: "attach", node: "a", connections }, () => {});
}

const userOf = (userId: UserId) => ({
  id: userId,
  username: `p${Number.parseInt(userId.slice(-6), 16)}`,
  displayName: "Somebody",
  bot: false,
  createdAtMs: 1,
});

describe("row P4: the larger a channel, the less is said of who is there", () => {
  test.each([
    [250, 100, 250],
    [251, 100, 3],
    [1_000, 2, 3],
  ])("of %i members, %i at a time, %i are named", async (memberCount, limit, named) => {
    const members = people(10, memberCount);
    const connected = [members[0]!, members[101]!, members.at(-1)!];
    const { all, page } = await createCrowd({ members, connected });
    const found = await all(limit);
    expect(found).toHaveLength(named);
    expect(found).toEqual(found.toSorted());
    expect(found.filter((each) => each.endsWith("online"))).toEqual(
      connected.map((each) => `${each} online`),
    );
    const { onlineCount, ...answer } = await page();
    expect(answer).toMatchObject({ memberCount });
    expect(onlineCount).toBeUndefined();
    expect(answer).not.toHaveProperty("partial");
  });

  test("of 1,001 members nobody is named, and nobody is asked", async () => {
    const members = people(10, 1_001);
    const { page } = await createCrowd({ members, connected: members.slice(0, 1_000), count: 1_000 });
    expect(await page()).toEqual({ memberCount: 1_001, onlineCount: 1_000 });
    expect(looked).toEqual([]);
  });

  test("who is counted on two nodes makes no more people than there are", async () => {
    const { page } = await createCrowd({ members: [], memberCount: 5_000, count: 6_000, isWhole: false });
    expect(await page()).toEqual({ memberCount: 5_000, onlineCount: 5_000, partial: true });
  });

  test("above 250, only who is connected is asked how they look, and a list that may lack someone says so", async () => {
    const members = people(10, 300);
    const connected = members.slice(20, 40);
    const { page, questions } = await createCrowd({ members, connected, isWhole: false });
    expect(await page("?limit=5")).toMatchObject({ partial: true });
    expect(looked).toEqual(connected);
    expect(questions()).toBe(1);
  });

  test("a long list is in order over all its pages, each person in it once, whom nobody has written down yet too", async () => {
    const connected = [id<UserId>(2), ...people(10, 250)];
    const unflushed = [left(id(2), "active"), left(id(11), "active")];
    const { all } = await createCrowd({ members: people(10, 1_000), connected, unflushed });
    expect(await all(60)).toEqual(connected.map((userId) => `${userId} online`));
    expect(await all(100)).toHaveLength(251);
  });

  test("up to 250, no node is asked", async () => {
    const { page, questions } = await createCrowd({ members: people(10, 250) });
    expect((await page()).members).toHaveLength(50);
    expect(questions()).toBe(0);
  });
});

describe("rows P3, P7: what nobody may see", () => {
  /** Online; invisible; blocked by the caller; who has blocked the caller; dnd with a text; offline. */
  const [seen, invisible, blocked, blocking, busy, offline] = people(10, 6) as [UserId, ...UserId[]];
  function arrange(): void {
    const row: PersonRow = { status: "online", blocked: [], blockedBy: [] };
    hand.people.rows.set(invisible!, { ...row, status: "invisible", lastSeenAtMs: 5 });
    hand.people.rows.set(blocked!, { ...row, blockedBy: [ANN], lastSeenAtMs: 6 });
    hand.people.rows.set(blocking!, { ...row, blocked: [ANN], lastSeenAtMs: 7 });
    hand.people.rows.set(busy!, { ...row, status: "dnd", text: "in a talk" });
    hand.people.rows.set(offline!, { ...row, lastSeenAtMs: 8 });
  }
  const connected = [seen, invisible!, blocked!, blocking!, busy!];

  test("looks in a small channel as to who watches it: offline, with nothing that tells why", async () => {
    arrange();
    const { page } = await createCrowd({ members: people(10, 6), connected });
    expect((await page()).members!.map(({ presence }) => presence)).toEqual([
      { userId: seen, status: "online" },
      { userId: invisible, status: "offline", lastSeenAtMs: 5 },
      { userId: blocked, status: "offline" },
      { userId: blocking, status: "offline" },
      { userId: busy, status: "dnd", text: "in a talk" },
      { userId: offline, status: "offline", lastSeenAtMs: 8 },
    ]);
  });

  test.each([1, 2, 3])("is left out above 250, %i at a time, and no page tells of it", async (limit) => {
    arrange();
    const { all, page } = await createCrowd({ members: people(10, 300), connected });
    expect(await all(limit)).toEqual([`${seen} online`, `${busy} dnd`]);
    // Behind the last one who is shown there is nothing, whoever else is connected.
    expect(await page("?limit=2")).not.toHaveProperty("next");
  });

  test("hundreds of invisible people are walked past in one page", async () => {
    const members = people(10, 1_000);
    for (const userId of members.slice(0, 999))
      hand.people.rows.set(userId, { status: "invisible", blocked: [], blockedBy: [] });
    const { page } = await createCrowd({ members, connected: members });
    const { members: shown, next } = await page("?limit=1");
    expect(shown!.map(({ user }) => user.id)).toEqual([members.at(-1)]);
    expect(next).toBeUndefined();
  });
});

describe("who is in the list", () => {
  const members = people(10, 6);

  test.each([6, 600])(
    "rule H4: of %i, who has left is not there and who has come is",
    async (memberCount) => {
      const { page } = await createCrowd({
        members,
        memberCount,
        connected: people(10, 8),
        unflushed: [left(members[1]!), left(id(2), "active"), left(id(17), "active")],
      });
      const named = (await page()).members!.map(({ user }) => user.id);
      // Person 17 has no account.
      const expected = members.filter((each) => each !== members[1]);
      expect(named).toEqual(memberCount === 6 ? [id(2), ...expected] : expected);
    },
  );

  test.each([6, 600])("rule E1: of %i, who is out of the space is not", async (memberCount) => {
    const { page } = await createCrowd({
      members,
      memberCount,
      connected: members,
      inSpace: members.slice(0, 3),
      unflushedInSpace: [left(members[0]!), left(members[5]!, "active")],
    });
    const named = (await page()).members!.map(({ user }) => user.id);
    expect(named).toEqual([members[1], members[2], members[5]]);
  });

  test.each([6, 600])("of %i, whose session actor cannot be asked looks offline", async (memberCount) => {
    const { page } = await createCrowd({ members, memberCount, connected: members, away: members.slice(1) });
    const shown = (await page()).members!.map(({ presence: { status } }) => status);
    expect(shown).toEqual(["online", ...(memberCount === 6 ? Array(5).fill("offline") : [])]);
  });

  test.each([6, 600])(
    "of %i: a cursor that was changed, or is of another list, is malformed",
    async (memberCount) => {
      const { ask, page } = await createCrowd({ members, memberCount, connected: members });
      const { next } = await page("?limit=2");
      expect((await page(`?limit=2&after=${next}`)).members!.map(({ user }) => user.id)).toEqual(
        members.slice(2, 4),
      );
      const path = `GET /channels/${CHANNEL}/present?after=`;
      expect(await ask(`${path}${next}x`)).toMatchObject({ status: 400, body: { code: "malformed" } });
      const { body } = await ask(`GET /channels/${CHANNEL}/members?limit=1`);
      expect(await ask(`${path}${body.next}`)).toMatchObject({ status: 400 });
      expect(await ask(`GET /channels/${CHANNEL}/present?limit=101`)).toMatchObject({ status: 400 });
    },
  );
});
