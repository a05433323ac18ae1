import { describe, expect, it } from "vitest";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { dmId } from "../../src/lib/dm-id.ts";
import type { ChannelCommand } from "../commands.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";

const [ada, bob, cid] = [1, 2, 3].map(user) as [UserId, UserId, UserId];
const NOT_BETWEEN_THEM = { ok: false, error: { code: "forbidden" } };

const create = (by: UserId, kind: "group" | "dm", memberIds: UserId[]): ChannelCommand => ({
  type: "create",
  by,
  channel: { kind, settings: {} },
  memberIds,
});
const group = (memberIds: UserId[]) => create(ada, "group", memberIds);
const dm = (by: UserId, other: UserId) => create(by, "dm", [other]);
const inDm = () => new Played(dmId<ChannelId>(ada, bob));

describe("row C1: who is invited with a channel's creation", () => {
  it("is told so, as by any invitation; its maker is not, and nobody twice", () => {
    const played = new Played();
    const decision = played.decide(group([bob, ada, cid, bob]));
    const notice = { kind: "invite", channelId: played.state.id, by: ada };
    expect(decision.notices).toEqual([
      { userId: bob, notice },
      { userId: cid, notice },
    ]);
    expect(played.decide(group([bob])).notices ?? []).toEqual([]);
  });

  it("is nobody in a dm: its first message is what the other is told of", () => {
    expect(inDm().decide(dm(ada, bob)).notices ?? []).toEqual([]);
  });
});

describe("row P7: a dm with someone who has blocked the asker", () => {
  it("is not made, by a request no more than by a first message", () => {
    const played = inDm();
    played.store.blocks.add(`${bob} ${ada}`);
    expect(played.do(dm(ada, bob))).toMatchObject(NOT_BETWEEN_THEM);
    const message = said(client(1));
    expect(played.do({ type: "send", by: ada, message, attempt: 1, pair: [ada, bob] })).toMatchObject(
      NOT_BETWEEN_THEM,
    );
    expect(played.log).toEqual([]);
  });

  it("is answered where it is there already", () => {
    const played = inDm();
    expect(played.do(dm(bob, ada))).toMatchObject({ ok: true, created: true });
    played.store.blocks.add(`${bob} ${ada}`);
    expect(played.do(dm(ada, bob))).toMatchObject({ ok: true, created: false });
  });
});
