import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import {
  type Client,
  createStage,
  openClient,
  type Stage,
  type StagedGateway,
} from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "../test/support/servers.ts";
import { newChannel, newUser } from "./doubles.ts";

let stage: Stage;
let gateway: StagedGateway;
let channelId: ChannelId;
let author: UserId;
let userId: UserId;
let client: Client;

beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
  gateway = await stage.addGateway();
  channelId = newChannel();
  author = newUser();
  userId = newUser();
  stage.channels.create(channelId, [author, userId]);
  client = await stage.client(gateway, userId);
});
afterEach(() => stage.close());

const publish = (...events: ReturnType<Stage["channels"]["say"]>[]) =>
  gateway.broadcaster.publish(channelId, stage.channels.channels.get(channelId)!.epoch, events);
const say = () => publish(stage.channels.say(channelId, author));

/** Holds back what the owner answers until `release` is called. */
function holdAnswers(): { asked: Promise<void>; release: () => void } {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const asked = new Promise<void>((resolve) => {
    const instead = stage.channels.instead;
    stage.channels.instead = (command) => {
      resolve();
      return instead(command);
    };
  });
  const ask = stage.channels.askChannel;
  stage.channels.askChannel = async (...args) => {
    const answer = await ask(...args);
    await held;
    return answer as never;
  };
  return { asked, release };
}

describe("listening", () => {
  it("rule H2: what is relayed before the answer is not heard before it, and then heard once, from the answer's seq", async () => {
    const other = newUser();
    stage.channels.channels.get(channelId)!.members.add(other);
    const first = await stage.client(gateway, other);
    await first.ask("channel:open", { channelId });
    say();
    const { asked, release } = holdAnswers();
    const opened = new Promise((resolve) => {
      client.socket.emit("channel:open", { channelId }, (answer: object) =>
        resolve({ ...answer, heardBefore: client.seqs(channelId) }),
      );
    });
    await asked;
    say();
    say();
    await expect.poll(() => first.seqs(channelId)).toEqual([1, 2, 3]);
    expect(client.seqs(channelId)).toEqual([]);
    release();
    expect(await opened).toMatchObject({ ok: true, seq: 1, heardBefore: [] });
    await expect.poll(() => client.seqs(channelId)).toEqual([2, 3]);
    say();
    await expect.poll(() => client.seqs(channelId)).toEqual([2, 3, 4]);
  });

  it("rule H2: an answer that a removal has overtaken lets nobody in", async () => {
    const other = newUser();
    stage.channels.channels.get(channelId)!.members.add(other);
    const first = await stage.client(gateway, other);
    await first.ask("channel:open", { channelId });
    const { asked, release } = holdAnswers();
    const opened = client.ask("channel:open", { channelId });
    await asked;
    publish(stage.channels.remove(channelId, userId));
    await expect.poll(() => first.seqs(channelId)).toEqual([1]);
    release();
    expect(await opened).toMatchObject({ ok: false, error: { code: "not_a_member" } });
    say();
    await expect.poll(() => first.seqs(channelId)).toEqual([1, 2]);
    expect(client.seqs(channelId)).toEqual([]);
    expect(gateway.listeners(channelId)).toBe(1);
  });

  it("rule H2: leaving acts when the event is relayed, on every connection of the user, within a frame", async () => {
    const again = await stage.client(gateway, userId);
    for (const each of [client, again]) await each.ask("channel:open", { channelId });
    const events = [
      stage.channels.say(channelId, author),
      stage.channels.remove(channelId, userId),
      stage.channels.say(channelId, author),
    ];
    expect(gateway.listeners(channelId)).toBe(2);
    publish(...events);
    for (const each of [client, again]) await expect.poll(() => each.seqs(channelId)).toEqual([1, 2]);
    expect(gateway.listeners(channelId)).toBe(0);
  });

  it("rule H2: an owner that cannot be reached leaves a listener where it was", async () => {
    await client.ask("channel:open", { channelId });
    stage.channels.instead = ({ type }) =>
      type === "open"
        ? { ok: false, error: { code: "unavailable", message: "", retry: "later" } }
        : undefined;
    expect(await client.ask("channel:open", { channelId })).toMatchObject({ ok: false });
    say();
    await expect.poll(() => client.seqs(channelId)).toEqual([1]);
  });

  it("a join behind a refused open listens", async () => {
    stage.channels.channels.get(channelId)!.members.delete(userId);
    const [opened, joined] = await Promise.all([
      client.ask("channel:open", { channelId }),
      client.ask("channel:join", { channelId }),
    ]);
    expect([opened.ok, joined.ok]).toEqual([false, true]);
    say();
    await expect.poll(() => client.seqs(channelId)).toEqual([2]);
  });

  it("stops with channel:close, at once", async () => {
    await client.ask("channel:open", { channelId });
    expect(await client.ask("channel:close", { channelId })).toEqual({ ok: true });
    say();
    expect(gateway.listeners(channelId)).toBe(0);
    await client.ask("health:check", {});
    expect(client.seqs(channelId)).toEqual([]);
  });

  it("row D5: resumes in the handshake: what was missed comes in session:ready, what follows behind it", async () => {
    for (let i = 0; i < 3; i++) say();
    const gone = newChannel();
    const resume = { [channelId]: [1, 1], [gone]: [4, 1] };
    const back = openClient(gateway.url, userId, { auth: { resume } });
    await expect.poll(() => back.said.length).toBe(1);
    const ready = back.said[0]!.payload as {
      resumed: { channels: Record<string, { events: { seq: number }[] }>; left: string[] };
    };
    expect(ready.resumed.channels[channelId]?.events.map(({ seq }) => seq)).toEqual([2, 3]);
    expect(ready.resumed.left).toEqual([gone]);
    say();
    await expect.poll(() => back.seqs(channelId)).toEqual([4]);
    back.close();
  });

  it("row D5: resumes from the ring without asking the owner, where Postgres and the ring together know the membership", async () => {
    await client.ask("channel:open", { channelId });
    for (let i = 0; i < 3; i++) say();
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 2, 3]);
    const member = newUser();
    stage.channels.channels.get(channelId)!.members.add(member);
    const back = await stage.client(gateway, member);
    stage.channels.trace.length = 0;
    const resumed = await back.ask("session:resume", { channels: { [channelId]: [1, 1] } });
    expect(resumed).toMatchObject({
      ok: true,
      joined: [],
      left: [],
      channels: { [channelId]: { seq: 3, more: false } },
    });
    expect(stage.channels.trace).toEqual([]);
    say();
    await expect.poll(() => back.seqs(channelId)).toEqual([4]);
  });

  it("row D5: a removal that Postgres does not know yet, and the ring does, keeps the removed out", async () => {
    await client.ask("channel:open", { channelId });
    const member = newUser();
    const channel = stage.channels.channels.get(channelId)!;
    channel.members.add(member);
    const before = (await stage.channels.memberships.ofUser(member)).map((each) => structuredClone(each));
    stage.channels.memberships.ofUser = async (id) => (id === member ? before : []);
    publish(stage.channels.remove(channelId, member));
    const back = await stage.client(gateway, member);
    expect(await back.ask("session:resume", { channels: { [channelId]: [0, 0] } })).toMatchObject({
      channels: {},
      left: [channelId],
    });
    expect(gateway.listeners(channelId)).toBe(1);
  });

  it("row D9: a resume of many full channels stays within 2 MiB; the rest comes by channel:sync, nothing is missed", async () => {
    const ids = Array.from({ length: 20 }, newChannel);
    const inRings = ids.slice(10);
    for (const id of ids) stage.channels.create(id, [userId]);
    for (const id of inRings) await client.ask("channel:open", { channelId: id });
    for (const id of ids) {
      const events = Array.from({ length: 60 }, () => stage.channels.say(id, userId, "x".repeat(3_900)));
      if (inRings.includes(id)) gateway.broadcaster.publish(id, 1, events);
    }
    const askedOwners = async () => {
      stage.channels.trace.length = 0;
      for (const id of inRings) await client.ask("channel:sync", { channelId: id, afterSeq: 60, epoch: 1 });
      return stage.channels.trace.length;
    };
    await expect.poll(askedOwners).toBe(0);
    const other = await stage.client(gateway, userId);
    const channels = Object.fromEntries(ids.map((id) => [id, [0, 0]]));
    const resumed = await other.ask("session:resume", { channels });
    expect(resumed.ok).toBe(true);
    expect(JSON.stringify(resumed).length).toBeLessThan(2 * 1_048_576);
    expect(stage.channels.trace.map((asked) => asked.channelId).sort()).toEqual(ids.slice(0, 10).sort());
    for (const channelId of ids) {
      let place = (resumed.channels as never)[channelId] as { seq: number; epoch: number; more: boolean };
      expect(place).toMatchObject({ seq: expect.toSatisfy((seq: number) => seq > 0), more: true });
      while (place.more)
        place = (await other.ask("channel:sync", {
          channelId,
          afterSeq: place.seq,
          epoch: place.epoch,
        })) as never;
      expect(place.seq).toBe(60);
    }
  });

  it("answers channel:sync from the ring for who listens, from the owner for who does not", async () => {
    await client.ask("channel:open", { channelId });
    for (let i = 0; i < 5; i++) say();
    await expect.poll(() => client.seqs(channelId)).toEqual([1, 2, 3, 4, 5]);
    stage.channels.trace.length = 0;
    expect(await client.ask("channel:sync", { channelId, afterSeq: 2, epoch: 1, limit: 2 })).toMatchObject({
      seq: 4,
      epoch: 1,
      more: true,
    });
    expect(stage.channels.trace).toEqual([]);
    expect(await client.ask("channel:sync", { channelId, afterSeq: 9, epoch: 1 })).toMatchObject({
      reset: true,
    });
    expect(stage.channels.trace).toHaveLength(1);
  });
});
