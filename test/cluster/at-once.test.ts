/** People at once, on two real nodes: whatever the race, the outcome is one history that all share. */
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type * as z from "zod";
import { post } from "../../bench/load/site.ts";
import type { ChannelId, MessageId, UserId } from "../../protocol/ids.ts";
import { RECENT_MAX } from "../../protocol/message.ts";
import type { Reactors } from "../../protocol/rest.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { get } from "./people.ts";
import { Crowd, type Meeting, ofType } from "./stage.ts";

let cluster: TestCluster;
let crowd: Crowd;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
  crowd = await Crowd.gather(cluster.nodes, 5);
});
afterAll(async () => {
  crowd?.close();
  await stopAudited(cluster);
});

describe("rule E2: a dm", () => {
  /** Three messages over sockets of both nodes, two openings over REST of both. */
  function begin(me: number, other: number) {
    const { id: userId } = crowd.people[other]!;
    const { token } = crowd.people[me]!;
    const sends = [0, 1, 0].map(async (n, i) => {
      const [clientId, content] = [uuidv7(), `${me} to ${other}: ${i}`];
      const { message } = await crowd.device(me, n).must("message:send", { userId, clientId, content });
      return { channelId: message.channelId, clientId };
    });
    const openings = cluster.nodes.map(async ({ url }) => {
      const { channel } = await post<{ channel: { id: ChannelId } }>(url, "/dm", { userId }, token);
      return { channelId: channel.id, clientId: undefined };
    });
    return Promise.all([...sends, ...openings]);
  }

  it("is one, however many of the two begin it at once, and has every message once", async () => {
    const pairs = crowd.people.flatMap((_, a) => crowd.people.slice(0, a).map((_, b) => [a, b] as const));
    const begun = await Promise.all(
      pairs.map(async ([a, b]) => (await Promise.all([begin(a, b), begin(b, a)])).flat()),
    );
    expect(begun.flat()).toHaveLength(100);
    for (const [i, [a, b]] of pairs.entries()) {
      const [channelId, ...more] = new Set(begun[i]!.map((each) => each.channelId));
      expect(more).toEqual([]);
      const told = [crowd.device(a, 0), crowd.device(b, 1)].map((device) => device.history(channelId!));
      const [one, other] = await Promise.all(told);
      expect(one).toEqual(other);
      expect(ofType(one!, "channel:created")).toHaveLength(1);
      const stored = ofType(one!, "message:new").map(({ message }) => message.clientId as string);
      const sent = begun[i]!.flatMap(({ clientId }) => clientId ?? []);
      expect(stored.toSorted()).toEqual(sent.toSorted());
    }
    const others = new Set(begun.flat().map(({ channelId }) => channelId));
    expect(others.size).toBe(pairs.length);
    for (const person of crowd.people) {
      await expect
        .poll(
          async () => (await get<{ channels: unknown[] }>(cluster.nodes[0]!, "/dm", person)).channels.length,
        )
        .toBe(crowd.people.length - 1);
    }
  });
});

describe("a message on two nodes", () => {
  const EMOJIS = ["👍", "🎉", "🙂"];

  it("row C8: counts every reaction once, and everyone holds the same", async () => {
    await crowd.inEach(4, async (meeting) => {
      const { id: messageId } = await meeting.say(0, "how was it?");
      // Each puts and takes on both devices at once: what crosses on the way is part of the race.
      const toggles = crowd.devices(4).map(async (device, d) => {
        for (let i = 0; i < 9; i++) {
          const emoji = EMOJIS[(d + i) % EMOJIS.length]!;
          await device.must("reaction:add", { messageId, emoji });
          if ((d + i) % 4 === 0) await device.must("reaction:remove", { messageId, emoji });
        }
      });
      await Promise.all(toggles);
      await meeting.agree();
      await recount(meeting, messageId);
    });
  });

  /** What the events, told one by one, leave on the message must be what every number in them and on the message says. */
  async function recount(meeting: Meeting, messageId: MessageId): Promise<void> {
    const on = new Map<string, Set<UserId>>();
    for (const event of await meeting.events()) {
      if (event.type !== "reaction:added" && event.type !== "reaction:removed") continue;
      const users = on.get(event.emoji) ?? new Set();
      on.set(event.emoji, users);
      if (event.type === "reaction:added") users.add(event.by);
      else users.delete(event.by);
      expect(event.count).toBe(users.size);
      expect(event.recent.filter((id) => !users.has(id))).toEqual([]);
      expect(event.recent).toHaveLength(Math.min(RECENT_MAX, users.size));
    }
    for (const { fold } of meeting.readers) {
      const shown = fold.messages.get(messageId)!.reactions;
      const expected = [...on].filter(([, users]) => users.size > 0);
      expect(new Map(shown.map(({ emoji, count, me }) => [emoji, { count, me: me === true }]))).toEqual(
        new Map(expected.map(([emoji, users]) => [emoji, { count: users.size, me: users.has(fold.me) }])),
      );
    }
    const path = `/messages/${messageId}/reactions`;
    const { reactors } = await get<z.infer<typeof Reactors>>(cluster.nodes[1]!, path, crowd.people[1]!);
    const listed = reactors.map(({ userId, emoji }) => `${userId} ${emoji}`);
    const counted = [...on].flatMap(([emoji, users]) => [...users].map((userId) => `${userId} ${emoji}`));
    expect(listed.toSorted()).toEqual(counted.toSorted());
  }

  it("rows C5, C6: is edited before its deletion or not at all, and then says nothing to anyone", async () => {
    await crowd.inEach(3, async (meeting, n) => {
      const { id: messageId } = await meeting.say(1, "the first text");
      const edits = [0, 1, 0, 1, 0, 1].map((node, i) => () => {
        return crowd.device(1, node).ask("message:edit", { messageId, content: `text ${i}` });
      });
      const remove = () => crowd.device(0, n % 2).ask("message:delete", { messageId });
      // Where in the row the deletion leaves differs by channel.
      const answers = await Promise.all(
        [...edits.slice(0, n % 7), remove, ...edits.slice(n % 7)].map((act) => act()),
      );
      expect(answers.filter((answer) => !answer.ok && answer.error.code !== "already_deleted")).toEqual([]);
      const events = await meeting.events();
      const [deletion, ...more] = ofType(events, "message:deleted");
      expect(more).toEqual([]);
      const updates = ofType(events, "message:updated");
      expect(updates.filter(({ seq }) => seq > deletion!.seq)).toEqual([]);
      expect(updates.length + 1, "every yes is an event").toBe(answers.filter(({ ok }) => ok).length);
      await meeting.agree();
      for (const { fold } of meeting.readers) {
        expect(fold.messages.get(messageId)).toMatchObject({
          content: "",
          html: "",
          deletedAtMs: deletion!.atMs,
        });
      }
    });
  });
});
