import { beforeEach, describe, expect, it } from "vitest";
import type { Member } from "../protocol/channel.ts";
import type { Answer } from "../protocol/refusals.ts";
import type { ChannelCommand } from "./commands.ts";
import { channel } from "./doubles.ts";
import { ada, bob, code, create, OneShard, room, send, turns } from "./one-shard.ts";

const space = channel(9);
const NO_END = null;

let shard: OneShard;
let news: OneShard["world"]["nodeNews"];

beforeEach(async () => {
  shard = await OneShard.open();
  news = shard.world.nodeNews;
});

const remove = (bannedUntilMs?: number | null): ChannelCommand => ({
  type: "remove_member",
  by: ada,
  userId: bob,
  ...(bannedUntilMs !== undefined && { bannedUntilMs }),
});
/** A question whose answer can be looked at before it is there. */
function asked(command: ChannelCommand, id = space): { code?: string } {
  const seen: { code?: string } = {};
  void shard.ask(command, id).then((answer) => {
    seen.code = code(answer);
  });
  return seen;
}

describe("rule E1: a removal from a space", () => {
  beforeEach(async () => {
    await shard.ask({ ...create(), channel: { kind: "space", settings: {} } } as ChannelCommand, space);
    await shard.ask({ type: "join", by: bob }, space);
    news.isQuick = false;
  });

  it.each([
    ["a removal", undefined],
    ["a ban", NO_END],
  ])(
    "%s is answered when it is in the log and every node has heard it; nobody else waits",
    async (_, end) => {
      shard.gate.isOpen = false;
      const removed = asked(remove(end));
      await turns();
      expect(news.outs).toEqual([]);
      shard.gate.isOpen = true;
      shard.gate.confirm();
      await turns();
      expect(news.outs).toEqual([{ spaceId: space, userId: bob }]);
      expect(shard.world.published.at(-1)?.events).toMatchObject([{ type: "member:left", userId: bob }]);
      expect(code(await shard.ask({ type: "open", by: ada }, space))).toBe("ok");
      expect(await shard.ask({ type: "member", userId: bob }, space)).toMatchObject({
        member: { status: end === NO_END ? "removed" : "left" },
      });
      expect(shard.actors.census().mailboxDepth).toBe(0);
      expect(removed).toEqual({});
      news.hear();
      await turns();
      expect(removed).toEqual({ code: "ok" });
    },
  );

  it("is unavailable where not every node has heard it in time, and a repeat waits as well", async () => {
    const [first, length] = [asked(remove(NO_END)), shard.gate.log.length];
    await turns();
    news.hear(false);
    await turns();
    expect(first).toEqual({ code: "unavailable" });
    const again = asked(remove(NO_END));
    await turns();
    expect(again).toEqual({});
    expect(news.outs).toHaveLength(2);
    news.hear();
    await turns();
    expect(again).toEqual({ code: "ok" });
    expect(shard.gate.log).toHaveLength(length + 1);
  });

  it("waits too where they had left before: what their channels were told may be older", async () => {
    expect(code(await shard.ask({ type: "leave", by: bob }, space))).toBe("ok");
    expect(news.outs).toEqual([]);
    const banned = asked(remove(NO_END));
    await turns();
    expect(banned).toEqual({});
    expect(news.outs).toHaveLength(1);
  });

  it("asks no node where the channel is no space, or nobody goes", async () => {
    await shard.ask(create());
    await shard.ask({ type: "invite", by: ada, userId: bob });
    expect(code(await shard.ask(remove(NO_END)))).toBe("ok");
    expect(code(await shard.ask(remove(0), space))).toBe("ok");
    expect(code(await shard.ask({ ...remove(), userId: ada } as ChannelCommand, space))).toBe("forbidden");
    expect(news.outs).toEqual([]);
  });

  it("who waits when the shard ends hears unavailable", async () => {
    const removed = asked(remove());
    await turns();
    shard.actors.end();
    news.hear();
    await turns();
    expect(removed).toEqual({ code: "unavailable" });
    expect(news.followers.size).toBe(0);
  });
});

describe("rule E1: a channel, when its space has put someone out", () => {
  let status: Member["status"];
  let questions: number;
  const saidOf = (seen: Member["status"]): Answer =>
    ({
      ok: true,
      kind: "space",
      member: { userId: ada, role: "owner", status: seen, joinedAtMs: 0, bannedUntilMs: NO_END },
    }) as Answer;
  const tell = (userId = ada) => {
    for (const follower of news.followers) follower.outOfSpace(space, userId);
  };

  beforeEach(async () => {
    status = "active";
    questions = 0;
    shard.world.askSpace = async () => {
      questions++;
      return saidOf(status);
    };
    const topic = { kind: "topic", spaceId: space, settings: {} };
    await shard.ask({ type: "create", by: ada, channel: topic, memberIds: [] } as ChannelCommand);
    expect(code(await shard.ask(send(1)))).toBe("ok");
    expect(questions).toBe(1);
    status = "removed";
  });

  it("forgets what the space said of them, and of nobody else, without a moment passing", async () => {
    tell(bob);
    expect(code(await shard.ask(send(2)))).toBe("ok");
    tell();
    expect(code(await shard.ask(send(3)))).toBe("banned");
    expect(code(await shard.ask({ type: "open", by: ada }, room))).toBe("banned");
  });

  it("also while it leaves for another node", async () => {
    const closed = shard.actors.close();
    tell();
    await closed;
    expect(news.followers.size).toBe(1);
  });

  it("does not learn an answer to a question from before", async () => {
    const held: ((answer: Answer) => void)[] = [];
    shard.world.askSpace = () => new Promise((resolve) => held.push(resolve));
    tell();
    const sent = shard.ask(send(2));
    await turns();
    tell();
    held[0]!(saidOf("active"));
    await turns();
    expect(held).toHaveLength(2);
    held[1]!(saidOf("removed"));
    expect(code(await sent)).toBe("banned");
  });

  it("believes nothing while its node has no lease, and nothing from before when it has it again", async () => {
    news.hasLease = false;
    expect(code(await shard.ask(send(2)))).toBe("unavailable");
    status = "active";
    news.hasLease = true;
    for (const follower of news.followers) follower.missed();
    expect(code(await shard.ask(send(3)))).toBe("ok");
    status = "removed";
    expect(code(await shard.ask(send(4)))).toBe("ok");
    for (const follower of news.followers) follower.missed();
    expect(code(await shard.ask(send(5)))).toBe("banned");
  });
});
