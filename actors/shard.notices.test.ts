import { beforeEach, describe, expect, it } from "vitest";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { messageId } from "../protocol/ids.ts";
import { dmId } from "../src/lib/dm-id.ts";
import { BLOCK_FACT_MAX_AGE_MS } from "./channel/facts.ts";
import type { ChannelCommand, PreparedMessage } from "./commands.ts";
import { client, HandGate, said, user } from "./doubles.ts";
import { ada, bob, code, create, OneShard, room, turns } from "./one-shard.ts";

const cid = user(3);
const dan = user(4);

let shard: OneShard;
let sends = 0;

beforeEach(async () => {
  shard = await OneShard.open();
});

const send = (by: UserId, form: Partial<PreparedMessage> = {}): ChannelCommand => ({
  type: "send",
  by,
  attempt: 1,
  message: { ...said(client(++sends)), ...form },
});
const follow = (by: UserId, seq: number, change: object): ChannelCommand => ({
  type: "follow",
  by,
  seq,
  ...change,
});

/** ada's room with bob, cid and dan in it, and a first message of hers: answers its seq. */
async function begun(): Promise<number> {
  await shard.ask(create());
  for (const userId of [bob, cid, dan]) {
    await shard.ask({ type: "invite", by: ada, userId });
    await shard.ask({ type: "join", by: userId });
  }
  const sent = (await shard.ask(send(ada))) as never as { message: { seq: number } };
  shard.flush();
  shard.world.notified.length = 0;
  return sent.message.seq;
}

const told = () =>
  shard.world.notified.map(({ userId, command }) => [
    userId,
    command.type === "notify" && command.notice?.kind,
  ]);

describe("rule G1: what a channel says to people", () => {
  it("leaves by the gate, when the message is in the log", async () => {
    await begun();
    shard.gate.isOpen = false;
    const sent = shard.ask(send(ada, { mentions: [{ kind: "user", userId: bob }] }));
    await turns();
    expect(told()).toEqual([]);
    shard.gate.confirm();
    expect(code(await sent)).toBe("ok");
    expect(shard.world.notified).toMatchObject([
      { userId: bob, command: { type: "notify", notice: { kind: "mention" }, unread: { mentions: 1 } } },
    ]);
  });

  it("shows a read mark that moves on the reader's other devices, and one that does not on none (rule L7)", async () => {
    const seq = await begun();
    for (const read of [seq, seq]) await shard.ask({ type: "mark", by: bob, read });
    expect(shard.world.notified).toMatchObject([
      {
        userId: bob,
        command: { unread: { channelId: room, unread: 0, mentions: 0, lastReadSeq: seq } },
      },
    ]);
    expect(shard.world.notified[0]!.command).not.toHaveProperty("notice");
  });
});

describe("row C7: followers of a thread", () => {
  it("are told of a reply, but for its author, who was told already, who left, and who blocked the author", async () => {
    const seq = await begun();
    for (const by of [bob, cid, dan]) await shard.ask(follow(by, seq, { following: true }));
    for (const userId of [user(5), user(6)]) {
      await shard.ask({ type: "invite", by: ada, userId });
      await shard.ask({ type: "join", by: userId });
      await shard.ask(follow(userId, seq, { following: true }));
    }
    await shard.ask({ type: "leave", by: user(5) });
    shard.world.facts.blocks.add(`${user(6)} ${bob}`);
    shard.flush();
    shard.world.notified.length = 0;
    const threadId = messageId(room, seq);
    await shard.ask(send(bob, { threadId, mentions: [{ kind: "user", userId: cid }] }));
    expect(told()).toEqual([
      [cid, "mention"],
      [ada, "thread"],
    ]);
    await turns();
    expect(told().slice(2)).toEqual([[dan, "thread"]]);
  });

  it("are not waited for, and a reply is sent without them while Postgres is away (rule A3)", async () => {
    const seq = await begun();
    await shard.ask(follow(dan, seq, { following: true }));
    const threadId = messageId(room, seq);
    await shard.ask(send(bob, { threadId }));
    shard.flush();
    shard.world.notified.length = 0;
    shard.world.facts.isAway = true;
    expect(code(await shard.ask(send(bob, { threadId })))).toBe("ok");
    await turns();
    expect(told()).toEqual([[ada, "thread"]]);
    expect(shard.world.alarms).toEqual([]);
  });

  it("that cannot be found for another reason are an operator's alarm: the reply stands", async () => {
    const seq = await begun();
    shard.world.facts.followers = () => Promise.reject(new Error("broken"));
    expect(code(await shard.ask(send(bob, { threadId: messageId(room, seq) })))).toBe("ok");
    await turns();
    expect(shard.world.alarms).toMatchObject([{ id: room, isClosed: false }]);
  });

  it("who said so before a take-over are known by the next owner before Postgres knows (rule A1)", async () => {
    const seq = await begun();
    await shard.ask(send(bob, { threadId: messageId(room, seq) }));
    shard.flush();
    await shard.ask(follow(bob, seq, { following: false }));
    const { log } = shard.gate;
    shard.actors.end();
    await shard.takeOver(new HandGate(2), log);
    // Postgres takes everything else of the channel, which is not in memory.
    shard.actors.flushed(log.filter((record) => !("follow" in record)));
    expect(await shard.ask(follow(bob, seq, { following: true }))).toMatchObject({ ok: true, unread: 0 });
    expect(shard.gate.log).toMatchObject([{ follow: { userId: bob, seq, following: true } }]);
  });
});

describe("row P7: blocks", () => {
  const dm = dmId<ChannelId>(ada, bob);
  const write = () => shard.ask({ ...send(ada), pair: [ada, bob] } as ChannelCommand, dm);

  it("are asked again after 5 s; while Postgres is away, what was known last goes on (rule A3)", async () => {
    expect(code(await write())).toBe("ok");
    expect(code(await write())).toBe("ok");
    const asked = () => shard.world.facts.trace.filter((question) => question.startsWith("block")).length;
    expect(asked()).toBe(1);
    shard.world.facts.isAway = true;
    shard.world.pass(BLOCK_FACT_MAX_AGE_MS + 1);
    expect(code(await write())).toBe("ok");
    shard.world.facts.isAway = false;
    shard.world.facts.blocks.add(`${bob} ${ada}`);
    shard.world.pass(BLOCK_FACT_MAX_AGE_MS + 1);
    expect(code(await write())).toBe("forbidden");
    shard.world.facts.isAway = true;
    shard.world.pass(BLOCK_FACT_MAX_AGE_MS + 1);
    expect(code(await write())).toBe("forbidden");
  });

  it("that are not known keep a dm from going on without Postgres", async () => {
    shard.world.facts.isAway = true;
    expect(code(await write())).toBe("unavailable");
  });
});

describe("rule E6: someone who is mentioned", () => {
  it("is told the same count after they left memory, with a mark of theirs on its way to Postgres", async () => {
    const seq = await begun();
    const mention = { mentions: [{ kind: "user" as const, userId: bob }] };
    await shard.ask(send(ada, mention));
    await shard.ask(send(ada, { mentions: [{ kind: "everyone" }] }));
    await shard.ask({ type: "mark", by: bob, read: seq + 1 });
    const counts = async () => {
      shard.world.notified.length = 0;
      await shard.ask(send(ada, mention));
      const { command } = shard.world.notified[0]!;
      return command.type === "notify" && command.unread;
    };
    expect(await counts()).toMatchObject({ unread: 2, mentions: 2, lastReadSeq: seq + 1 });
    shard.world.pass(1_000);
    shard.passivate();
    expect(await counts()).toMatchObject({ unread: 3, mentions: 3, lastReadSeq: seq + 1 });
    const { log } = shard.gate;
    shard.actors.end();
    await shard.takeOver(new HandGate(2), log);
    expect(await counts()).toMatchObject({ unread: 4, mentions: 4, lastReadSeq: seq + 1 });
  });
});
