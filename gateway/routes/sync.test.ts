import { describe, expect, test } from "vitest";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import type { Membership } from "../ports.ts";
import {
  createAsker,
  id,
  listHistory,
  type Owner,
  opens,
  someChannel,
  someMember,
  someMessage,
} from "./rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const SPACE = id<ChannelId>(8);
const ANN = id<UserId>(1);
const HERE = someChannel(CHANNEL, { seq: 5, epoch: 2 });

describe("row D6: sync", () => {
  const membership = (channelId: ChannelId): Membership => ({
    channel: someChannel(channelId),
    member: someMember(ANN),
    messageCount: 0,
    unread: 0,
    mentions: 0,
    readSeq: 0,
    notify: "all",
  });
  const history = listHistory([1, 2, 3, 4, 5].map((seq) => someMessage(CHANNEL, seq)));
  const mine = {
    memberships: {
      ofUser: async () => [membership(CHANNEL), membership(SPACE)],
      listed: async () => [],
      members: async () => [],
    },
    history,
  };

  test("by position: what changed, what is new to the caller, what is lost", async () => {
    const owner: Owner = {
      open: (channelId, { by }) =>
        channelId === CHANNEL ? opens(HERE).open!(channelId, { type: "open", by }) : refused("not_a_member"),
    };
    const { ask } = await createAsker(owner, mine);
    const { body } = await ask("POST /sync", { channels: { [CHANNEL]: [3, 2], [id(77)]: [9, 1] } });
    expect(body).toMatchObject({
      joined: [SPACE],
      left: [id(77)],
      unavailable: [],
      channels: { [CHANNEL]: { seq: 5, epoch: 2, messages: [{ seq: 4 }, { seq: 5 }] } },
    });
    expect(body.channels[CHANNEL].reset).toBeUndefined();
  });

  test("by time, ISO or milliseconds", async () => {
    const { ask } = await createAsker(opens(HERE), mine);
    for (const since of ["3000", "1970-01-01T00:00:03Z", "1970-01-01T01:00:03%2B01:00"]) {
      expect((await ask(`GET /sync?since=${since}`)).body.channels[CHANNEL].messages).toMatchObject([
        { seq: 4 },
        { seq: 5 },
      ]);
    }
  });

  test("rule I1: a position beyond the head, or of another history, is reset", async () => {
    const elsewhere = await createAsker(
      { ...opens(HERE), sync: () => ({ ok: true, events: [], seq: 5, epoch: 2, more: false, reset: true }) },
      mine,
    );
    for (const position of [
      [6, 2],
      [3, 1],
    ]) {
      expect(
        (await elsewhere.ask("POST /sync", { channels: { [CHANNEL]: position } })).body.channels[CHANNEL],
      ).toMatchObject({ reset: true, messages: [] });
    }
    const older = await createAsker(
      { ...opens(HERE), sync: () => ({ ok: true, events: [], seq: 3, epoch: 1, more: true }) },
      mine,
    );
    expect(
      (await older.ask("POST /sync", { channels: { [CHANNEL]: [3, 1] } })).body.channels[CHANNEL].messages,
    ).toHaveLength(2);
  });

  test("above 1,000 rows is reset, over all channels together", async () => {
    const many = listHistory(Array.from({ length: 600 }, (_, i) => someMessage(CHANNEL, i + 1)));
    const { ask } = await createAsker(opens(someChannel(CHANNEL, { seq: 600, epoch: 2 })), {
      ...mine,
      history: many,
    });
    const { body } = await ask("POST /sync", {
      channels: { [CHANNEL]: [0, 0], [SPACE]: [0, 2], [id(7)]: [0, 2] },
    });
    const differences = Object.values(body.channels) as { reset?: boolean; messages: unknown[] }[];
    expect(differences.filter(({ reset }) => reset)).toHaveLength(2);
  });

  test("a channel whose owner is out of reach is named, and the others come", async () => {
    const owner: Owner = {
      open: (channelId, { by }) =>
        channelId === CHANNEL ? opens(HERE).open!(channelId, { type: "open", by }) : refused("unavailable"),
    };
    const { ask } = await createAsker(owner, mine);
    expect((await ask("GET /sync?since=0")).body).toMatchObject({
      unavailable: [SPACE],
      left: [],
      channels: { [CHANNEL]: {} },
    });
  });

  test("many channels count as many requests: 50 as one more, and never more than 20", async () => {
    const taken: number[] = [];
    const accountRates = {
      takeRequest: async (_userId: UserId, worth = 1) => {
        taken.push(worth);
        return taken.length > 5 ? refused("rate_limited", { retryAfterMs: 10 }) : { ok: true };
      },
    };
    const { ask, asked } = await createAsker(opens(HERE), { ...mine, accountRates } as object);
    const positions = (n: number) =>
      Object.fromEntries(Array.from({ length: n }, (_, i) => [id(i + 100), [5, 2]]));
    for (const n of [49, 100, 1_000]) await ask("POST /sync", { channels: positions(n) });
    expect(taken).toEqual([1, 1, 2, 1, 20]);
    asked.length = 0;
    expect(await ask("POST /sync", { channels: positions(1_000) })).toMatchObject({ status: 429 });
    expect(asked).toEqual([]);
  });
});
