/** People at once, on two real nodes: what someone may do changes while they do it. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { post } from "../../bench/load/site.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { MemberPage } from "../../protocol/rest.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { channelOf, get } from "./people.ts";
import { Crowd, ofType } from "./stage.ts";

const [OWNER, ADA, BOB, CLEO] = [0, 1, 2, 3] as const;
/** How long a mute lasts: some hundred sends, and other channels beside. */
const MUTED_MS = 1_500;
/** No race takes so long. */
const RACE_WITHIN_MS = 15_000;

let cluster: TestCluster;
let crowd: Crowd;
let spaceId: ChannelId;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
  crowd = await Crowd.gather(cluster.nodes, 4);
  const [owner, ...others] = crowd.people;
  const { url } = cluster.nodes[0]!;
  const made = await post<{ space: { id: ChannelId } }>(url, "/spaces", { name: "At once" }, owner!.token);
  spaceId = made.space.id;
  await Promise.all(others.map(({ token }) => post(url, `/spaces/${spaceId}/join`, {}, token)));
});
afterAll(async () => {
  crowd?.close();
  await stopAudited(cluster);
});

const idOf = (p: number): UserId => crowd.people[p]!.id;

/** What happened to the `p`-th person, in the channel or by their hand. */
const about = (events: readonly ChannelEvent[], p: number) =>
  events.filter((event) => "member" in event && event.member.userId === idOf(p));
const by = (events: readonly ChannelEvent[], p: number) => events.filter((event) => event.by === idOf(p));

/**
 * Asks one after another until told to stop, or until the test must have failed; answers everything that was answered, and
 * whether `over` held when it was asked.
 */
async function keepAsking<T>(until: () => boolean, over: () => boolean, ask: () => Promise<T>) {
  const answers: { answer: T; wasOver: boolean }[] = [];
  const endMs = performance.now() + RACE_WITHIN_MS;
  while (!until() && performance.now() < endMs) {
    const wasOver = over();
    answers.push({ answer: await ask(), wasOver });
  }
  return answers;
}

describe("a person", () => {
  it("rows C2, H2: says nothing more once the ban is acked, and hears nothing more", async () => {
    await crowd.inEach(3, async (meeting, n) => {
      const { channelId } = meeting;
      let [sent, banned, tried] = [0, false, 0];
      const senders = [0, 1].map((node) =>
        keepAsking(
          () => tried >= 6,
          () => banned,
          async () => {
            const answer = await crowd.device(ADA, node).send(channelId, "still here");
            if (answer.ok) sent += 1;
            else tried += 1;
            return answer;
          },
        ),
      );
      await expect.poll(() => sent, { interval: 1, timeout: RACE_WITHIN_MS }).toBeGreaterThan(n);
      const device = crowd.device(OWNER, n % 2);
      await device.must("member:remove", { channelId, userId: idOf(ADA), bannedUntilMs: null });
      banned = true;
      const answers = (await Promise.all(senders)).flat();
      await meeting.say(BOB, "are they gone?");
      await meeting.agree(meeting.readers.filter(({ fold }) => fold.me !== idOf(ADA)));

      const events = await meeting.events();
      const ban = ofType(events, "member:left").find(({ userId }) => userId === idOf(ADA))!;
      expect(by(events, ADA).filter(({ seq }) => seq > ban.seq)).toEqual([]);
      expect(answers.filter(({ answer, wasOver }) => wasOver && answer.ok)).toEqual([]);
      const refusals = answers.flatMap(({ answer }) => (answer.ok ? [] : [answer.error.code]));
      expect(new Set(refusals)).toEqual(new Set(["banned"]));
      for (const node of [0, 1]) {
        const heard = crowd.device(ADA, node).heard(channelId);
        expect(heard.filter(({ seq }) => seq > ban.seq)).toEqual([]);
      }
    });
  });

  it("row C2, rule E5: may speak again at the millisecond, by nobody's help", async () => {
    await crowd.inEach(2, async (meeting) => {
      const { channelId } = meeting;
      const mutedUntilMs = Date.now() + MUTED_MS;
      await crowd.device(OWNER, 0).must("member:update", { channelId, userId: idOf(ADA), mutedUntilMs });
      let hasSpoken = false;
      const hasty = keepAsking(
        () => hasSpoken,
        () => false,
        async () => {
          const answer = await crowd.device(ADA, 0).send(channelId, "now?");
          hasSpoken = answer.ok;
          return answer;
        },
      );
      const patient = crowd.device(ADA, 1);
      const told = await patient.send(channelId, "not yet");
      if (told.ok) throw new Error("muted, and heard all the same");
      expect(told.error).toMatchObject({ code: "muted", retry: "later", retryAfterMs: expect.any(Number) });
      // A timer may be a millisecond early.
      await sleep(told.error.retryAfterMs! + 1);
      const first = await patient.send(channelId, "thank you");
      expect(first).toMatchObject({ ok: true });

      const refusals = (await hasty).flatMap(({ answer }) => (answer.ok ? [] : [answer.error]));
      expect(refusals.filter(({ code, retryAfterMs = 0 }) => code !== "muted" || retryAfterMs <= 0)).toEqual(
        [],
      );
      const events = await meeting.events();
      const [mute, ...more] = about(events, ADA)
        .filter(({ type }) => type === "member:updated")
        .slice(-1);
      expect(mute).toMatchObject({ member: { mutedUntilMs } });
      expect(more).toEqual([]);
      const spoken = by(events, ADA).filter(({ seq }) => seq > mute!.seq);
      expect(spoken).toHaveLength(2);
      expect(spoken.filter(({ atMs }) => atMs < mutedUntilMs)).toEqual([]);
      await meeting.agree();
    });
  });

  it("row C2: acts by the role they have at that place in the history, going up and coming down", async () => {
    await crowd.inEach(3, async (meeting, n) => {
      const { channelId } = meeting;
      const owner = crowd.device(OWNER, n % 2);
      const promote = (role: "moderator" | "member") =>
        owner.must("member:update", { channelId, userId: idOf(ADA), role });
      const said: string[] = [];
      for (let i = 0; i < 40; i++) said.push((await meeting.say(BOB, `remark ${i}`)).id);
      let [acted, phase, refused] = [0, "member" as "member" | "moderator" | "after", 0];
      const acts = [0, 1].map((node) =>
        keepAsking(
          () => said.length === 0 || (phase === "after" && refused >= 4),
          () => phase === "after",
          async () => {
            const messageId = said.shift()!;
            const event = said.length % 2 === 0 ? "message:pin" : "message:delete";
            const before = phase;
            const answer = await crowd.device(ADA, node).ask(event, { messageId });
            if (answer.ok) acted += 1;
            else if (before === "after") refused += 1;
            // Refused: it is still there to be acted on.
            if (!answer.ok) said.push(messageId);
            return answer;
          },
        ),
      );
      await promote("moderator");
      phase = "moderator";
      await expect.poll(() => acted, { interval: 1, timeout: RACE_WITHIN_MS }).toBeGreaterThan(3 + n);
      await promote("member");
      phase = "after";
      const answers = (await Promise.all(acts)).flat();

      const events = await meeting.events();
      const [up, down] = ofType(events, "member:updated").slice(-2);
      const done = by(events, ADA).filter(({ type }) => /^message:(pinned|deleted)$/.test(type));
      expect(done.filter(({ seq }) => seq < up!.seq || seq > down!.seq)).toEqual([]);
      expect(done.length, "every yes is an event").toBe(answers.filter(({ answer }) => answer.ok).length);
      expect(answers.filter(({ answer, wasOver }) => wasOver && answer.ok)).toEqual([]);
      const refusals = answers.flatMap(({ answer }) => (answer.ok ? [] : [answer.error.code]));
      expect(new Set(refusals)).toEqual(new Set(["forbidden"]));
      await meeting.agree();
    });
  });
});

describe("a channel", () => {
  it("row C13: is joined before it is archived or not at all", async () => {
    const [owner] = crowd.people;
    const race = async (_: unknown, n: number) => {
      const topic = { kind: "topic", spaceId } as const;
      const channelId = await channelOf(cluster.nodes[n % 2]!, owner!, [], topic);
      const joins = crowd
        .devices()
        .slice(2)
        .map((device) => () => device.ask("channel:join", { channelId }));
      const archive = () => crowd.device(OWNER, n % 2).ask("channel:update", { channelId, archived: true });
      // Where in the row the archiving leaves differs by channel.
      const answers = await Promise.all(
        [...joins.slice(0, n % 7), archive, ...joins.slice(n % 7)].map((act) => act()),
      );
      const codes = answers.flatMap((answer) => (answer.ok ? [] : [answer.error.code]));
      expect(codes.filter((code) => code !== "archived")).toEqual([]);

      const events = await crowd.device(OWNER, 0).history(channelId);
      const [archived, ...more] = ofType(events, "channel:archived");
      expect(more).toEqual([]);
      const joined = ofType(events, "member:joined").map(({ member }) => member.userId);
      expect(new Set(joined).size, "each once").toBe(joined.length);
      expect(events.filter(({ seq }) => seq > archived!.seq)).toEqual([]);
      for (const [p, { id, token }] of crowd.people.entries()) {
        const again = await crowd.device(p, 0).ask("channel:join", { channelId });
        expect(again.ok, "who came in is in, who did not stays out").toBe(joined.includes(id));
        expect(token).toBeDefined();
      }
      const inside = await get<MemberPage>(cluster.nodes[1]!, `/channels/${channelId}/members`, owner!);
      expect(inside.members.map(({ member }) => member.userId).toSorted()).toEqual(joined.toSorted());
      const last = events.findLast((event) => "memberCount" in event);
      expect(last).toMatchObject({ memberCount: joined.length });
    };
    await Promise.all(Array.from({ length: 8 }, race));
  });

  it("row C2: has one owner, whoever is made one at once", async () => {
    await crowd.inEach(4, async (meeting) => {
      const { channelId } = meeting;
      let owner: number = OWNER;
      for (let round = 0; round < 6; round++) {
        const heirs = [1, 2].map((step) => (owner + step) % 4);
        const answers = await Promise.all(
          heirs.map((heir, node) =>
            crowd.device(owner, node).ask("member:update", { channelId, userId: idOf(heir), role: "owner" }),
          ),
        );
        const codes = answers.map((answer) => (answer.ok ? "ok" : answer.error.code));
        expect(codes.toSorted()).toEqual(["forbidden", "ok"]);
        owner = heirs[codes.indexOf("ok")]!;
      }
      const roles = new Map<UserId, string>();
      for (const event of await meeting.events()) {
        if ("member" in event) roles.set(event.member.userId, event.member.role);
      }
      const owners = [...roles].filter(([, role]) => role === "owner");
      expect(owners).toEqual([[idOf(owner), "owner"]]);
      await meeting.agree();
      const { members } = await get<MemberPage>(
        cluster.nodes[1]!,
        `/channels/${channelId}/members`,
        crowd.people[CLEO]!,
      );
      expect(new Map(members.map(({ member }) => [member.userId, member.role]))).toEqual(roles);
    });
  });
});
