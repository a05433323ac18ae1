import { describe, expect, test } from "vitest";
import type { Member } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { User } from "../../protocol/users.ts";
import { createAsker, id, opens, someChannel, someMember } from "./rest-doubles.ts";

const CHANNEL = id<ChannelId>(9);
const ANN = id<UserId>(1);
const HERE = someChannel(CHANNEL, { seq: 5, epoch: 2 });

describe("pages of members", () => {
  const row = (n: number) => ({
    user: { id: id<UserId>(n), username: `p${n}`, displayName: `p${n}`, bot: false, createdAtMs: 1 } as User,
    member: someMember(id(n)),
  });
  const rows = [10, 20, 30, 40].map(row);
  const memberships = {
    ofUser: async () => [],
    listed: async () => [],
    members: async (
      _id: ChannelId,
      { afterUserId = "" as UserId, limit }: { afterUserId?: UserId; limit: number },
    ) => rows.filter(({ user }) => user.id > afterUserId).slice(0, limit),
  };
  const change = (
    n: number,
    status: Member["status"],
    type: "member:joined" | "member:updated" = "member:updated",
  ): ChannelEvent => ({
    type,
    seq: n,
    atMs: 1,
    by: ANN,
    memberCount: 1,
    member: someMember(id(n), { status }),
  });

  async function allPages(unflushed: ChannelEvent[], limit: number): Promise<string[]> {
    const { ask } = await createAsker(opens(HERE, { unflushed }), { memberships });
    const found: string[] = [];
    for (let after = ""; ; ) {
      const { body } = await ask(
        `GET /channels/${CHANNEL}/members?limit=${limit}${after && `&after=${after}`}`,
      );
      found.push(...body.members.map(({ user }: { user: User }) => user.id));
      if (body.next === undefined) return found;
      after = body.next;
    }
  }

  test.each([1, 2, 3, 50])(
    "rule H4: %i at a time, joined ones are there and departed ones are not",
    async (limit) => {
      const unflushed = [
        change(1, "active", "member:joined"),
        change(20, "left"),
        change(30, "removed"),
        change(2, "active", "member:joined"),
        change(2, "left"),
      ];
      expect(await allPages(unflushed, limit)).toEqual([id(1), id(10), id(40)]);
      expect(await allPages([], limit)).toEqual([10, 20, 30, 40].map((n) => id(n)));
    },
  );

  test("a cursor of another list is malformed", async () => {
    const { ask } = await createAsker(opens(HERE), { memberships });
    const { body } = await ask(`GET /channels/${CHANNEL}/members?limit=1`);
    expect(await ask(`GET /channels/${CHANNEL}/messages?before=${body.next}`)).toMatchObject({ status: 400 });
    expect(await ask(`GET /channels/${CHANNEL}/members?after=${body.next}x`)).toMatchObject({ status: 400 });
  });
});
