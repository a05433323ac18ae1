import { beforeEach, describe, expect, it } from "vitest";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import { newChannel, newUser } from "../doubles.ts";
import { Spaces } from "./spaces.ts";

const spaceId = newChannel();
const other = newChannel();
const ada = newUser();
const bob = newUser();

describe("rule E1: who is in a space", () => {
  let members: Set<UserId>;
  let asked: UserId[];
  let outside: UserId[];
  let listening: { spaceId: ChannelId; userId: UserId }[];
  let before: () => Promise<void> | void;
  let isAway: boolean;
  let spaces: Spaces;

  beforeEach(() => {
    members = new Set([ada, bob]);
    asked = [];
    outside = [];
    listening = [];
    before = () => {};
    isAway = false;
    spaces = new Spaces({
      router: {
        async askChannel(_id, command) {
          const userId = (command as { userId: UserId }).userId;
          asked.push(userId);
          const isMember = members.has(userId);
          await before();
          if (isAway) return refused("unavailable") as never;
          const member = { userId, role: "member", status: isMember ? "active" : "left", joinedAtMs: 0 };
          return { ok: true, kind: "space", member } as never;
        },
      },
      listening: () => listening,
      outside: (_spaceId, userId) => outside.push(userId),
    });
  });

  it("is asked once a person, and again when they were heard to go", async () => {
    expect(await Promise.all([spaces.standing(spaceId, ada), spaces.standing(spaceId, ada)])).toEqual([
      "member",
      "member",
    ]);
    expect(await spaces.standing(spaceId, ada)).toBe("member");
    expect(asked).toEqual([ada]);
    members.delete(ada);
    spaces.went(spaceId, ada);
    expect(await spaces.standing(spaceId, ada)).toBe("outsider");
    expect(await spaces.admits({}, ada)).toBe("member");
  });

  it("an answer that a removal has overtaken is not believed", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    before = () => (asked.length === 1 ? held : undefined);
    const standing = spaces.standing(spaceId, ada);
    members.delete(ada);
    spaces.went(spaceId, ada);
    release();
    expect(await standing).toBe("outsider");
    expect(asked).toEqual([ada, ada]);
  });

  it("an owner out of reach says nothing, and nobody is vouched for by it", async () => {
    isAway = true;
    expect(await spaces.standing(spaceId, ada)).toBe("unknown");
    isAway = false;
    expect(await spaces.standing(spaceId, ada)).toBe("member");
  });

  it("a doubt asks for everyone who listens, until the space has answered; who is out goes", async () => {
    listening = [ada, bob].map((userId) => ({ spaceId, userId }));
    for (const userId of [ada, bob]) await spaces.standing(spaceId, userId);
    members.delete(bob);
    isAway = true;
    spaces.doubt((id) => id === spaceId);
    await expect.poll(() => asked.length).toBeGreaterThan(5);
    expect(outside).toEqual([]);
    isAway = false;
    await expect.poll(() => outside).toEqual([bob]);
    spaces.close();
  });

  it("a doubt about other spaces asks for nobody", async () => {
    listening = [{ spaceId, userId: ada }];
    await spaces.standing(spaceId, ada);
    spaces.doubt((id) => id === other);
    expect(await spaces.standing(spaceId, ada)).toBe("member");
    expect(asked).toEqual([ada]);
    spaces.close();
  });
});
