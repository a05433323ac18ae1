/** Rows P3, P4, and what a person is told: over two real nodes, with real stores. */
import { randomBytes } from "node:crypto";
import { io, type Socket } from "socket.io-client";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inParallel, post } from "../../bench/load/site.ts";
import { createTokens } from "../../gateway/auth/tokens.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { PresentPage } from "../../protocol/present.ts";
import type { SignedIn } from "../../protocol/rest.ts";
import type { Presence } from "../../protocol/signals.ts";
import { openTestStore } from "../../src/store/test-store.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { get } from "./people.ts";

const GRACE_MS = 5_000;
/** After a start nobody is declared offline for so long (rule E4). */
const DOUBT_MS = 10_000;
/** A second to look who is due, and busy machines. */
const NOTICED_WITHIN_MS = 3_000;

const SECRET = randomBytes(24).toString("hex");

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 2, env: { HUBBUB_TOKEN_SECRET: SECRET } });
  await new Promise((resolve) => setTimeout(resolve, DOUBT_MS));
});
afterAll(() => stopAudited(cluster));

type Person = { id: UserId; token: string };
type Device = { socket: Socket; heard: { event: string; payload: unknown }[] };

async function register(): Promise<Person> {
  const username = `p_${randomBytes(5).toString("hex")}`;
  const given = { username, password: `password-of-${username}` };
  const { user, token } = await post<SignedIn>(cluster.nodes[0]!.url, "/auth/register", given);
  return { id: user.id, token };
}

/** Accounts without a password, since each of those costs 70 ms, and tokens for them. */
async function enrol(count: number): Promise<Person[]> {
  const store = openTestStore(cluster.databaseUrl);
  const nowMs = () => Date.now();
  const tokens = createTokens({ secret: SECRET, issuer: "hubbub", audience: "hubbub", nowMs });
  const people = await inParallel(count, async () => {
    const id = uuidv7() as UserId;
    const username = `p_${randomBytes(5).toString("hex")}`;
    await store.accounts.create({ id, username, displayName: username, passwordHash: "none" });
    return { id, token: tokens.issueToken(id).token };
  });
  await store.close();
  return people;
}

/** One more device of a person, on the n-th node; resolves when it is ready. */
async function connect({ token }: Person, n: number): Promise<Device> {
  const socket = io(cluster.nodes[n]!.url, {
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    auth: { token },
  });
  const heard: Device["heard"] = [];
  socket.onAny((event: string, payload: unknown) => heard.push({ event, payload }));
  await new Promise((resolve, reject) => socket.once("session:ready", resolve).once("connect_error", reject));
  return { socket, heard };
}

const presences = ({ heard }: Device) =>
  heard.filter(({ event }) => event === "presence").map(({ payload }) => payload as Presence);
const ask = (device: Device, event: string, payload: object) =>
  device.socket.timeout(5_000).emitWithAck(event, payload);

describe("people on two nodes", () => {
  it("rows P3, P4: are seen across nodes, kept through a reconnect, and gone 5 s after the last device", async () => {
    // Four people, so that session actors of some live on the other node than their devices.
    for (let n = 0; n < 4; n++) {
      const [ada, bob] = [await register(), await register()];
      const [phone, laptop, watcher] = [await connect(ada, 0), await connect(ada, 1), await connect(bob, 1)];
      const { presences: now } = await ask(watcher, "presence:watch", { userIds: [ada.id] });
      expect(now).toEqual([{ userId: ada.id, status: "online" }]);
      if (n > 0) {
        await ask(phone, "presence:update", { status: "dnd", text: "in a talk" });
        await expect
          .poll(() => presences(watcher))
          .toEqual([{ userId: ada.id, status: "dnd", text: "in a talk" }]);
      } else {
        phone.socket.disconnect();
        laptop.socket.disconnect();
        const back = await connect(ada, 0);
        await new Promise((resolve) => setTimeout(resolve, GRACE_MS + NOTICED_WITHIN_MS));
        expect(presences(watcher)).toEqual([]);
        back.socket.disconnect();
        await expect
          .poll(() => presences(watcher), { timeout: GRACE_MS + NOTICED_WITHIN_MS })
          .toEqual([{ userId: ada.id, status: "offline", lastSeenAtMs: expect.any(Number) }]);
      }
      for (const { socket } of [phone, laptop, watcher]) socket.disconnect();
    }
  });

  it("hear of counts on all devices: what is read on one is read on the other", async () => {
    const [ada, bob] = [await register(), await register()];
    const devices = [await connect(ada, 0), await connect(ada, 1)];
    const other = await connect(bob, 0);
    const clientId = (await import("uuid")).v7();
    const sent = await ask(other, "message:send", { userId: ada.id, clientId, content: "hello" });
    expect(sent).toMatchObject({ ok: true });
    const { channelId, seq } = sent.message;
    await ask(devices[0]!, "channel:open", { channelId });
    expect(await ask(devices[0]!, "channel:read", { channelId, seq })).toMatchObject({ ok: true, unread: 0 });
    for (const { heard } of devices)
      await expect
        .poll(() => heard.filter(({ event }) => event === "unread").at(-1)?.payload)
        .toEqual({ channelId, unread: 0, mentions: 0, lastReadSeq: seq });
  });
});

describe("a large channel on two nodes", () => {
  it("row P4: lists who is there on either, without who is invisible or out of the space; a small one lists all", async () => {
    const { url } = cluster.nodes[0]!;
    const members = await enrol(251);
    const [owner, ada, bob, eve, zoe] = members as [Person, Person, Person, Person, Person];
    const { space } = await post<{ space: { id: ChannelId } }>(
      url,
      "/spaces",
      { name: "Large" },
      owner.token,
    );
    const wanted = { kind: "topic", name: "Large", spaceId: space.id };
    const made = await post<{ channel: { id: ChannelId } }>(url, "/channels", wanted, owner.token);
    const channelId = made.channel.id;
    await inParallel(250, async (i) => {
      await post(url, `/spaces/${space.id}/join`, {}, members[1 + i]!.token);
      await post(url, `/channels/${channelId}/join`, {}, members[1 + i]!.token);
    });
    const devices = [
      await connect(ada, 0),
      await connect(bob, 1),
      await connect(eve, 1),
      await connect(zoe, 1),
    ];
    await ask(devices[1]!, "presence:update", { status: "dnd", text: "in a talk" });
    await ask(devices[2]!, "presence:update", { status: "invisible" });
    const present = (query = "") =>
      get<PresentPage>(cluster.nodes[0]!, `/channels/${channelId}/present${query}`, owner);
    const looks = async () => (await present()).members!.map(({ presence }) => presence);
    const inOrder = (...seen: Presence[]) => seen.sort((a, b) => (a.userId < b.userId ? -1 : 1));
    const [adaSeen, bobSeen, zoeSeen] = [
      { userId: ada.id, status: "online" } as const,
      { userId: bob.id, status: "dnd", text: "in a talk" } as const,
      { userId: zoe.id, status: "online" } as const,
    ];
    await expect.poll(looks, { timeout: 5_000 }).toEqual(inOrder(adaSeen, bobSeen, zoeSeen));
    await expect.poll(async () => (await present()).partial).toBeUndefined();

    await post(url, `/spaces/${space.id}/leave`, {}, zoe.token);
    expect(await looks()).not.toContainEqual(zoeSeen);
    await expect.poll(looks).toEqual(inOrder(adaSeen, bobSeen));

    await post(url, `/channels/${channelId}/leave`, {}, members.at(-1)!.token);
    const found: Presence[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page: PresentPage = await present(`?limit=100${next && `&after=${next}`}`);
      expect(page.memberCount).toBe(250);
      found.push(...page.members!.map(({ presence }) => presence));
      next = page.next;
    }
    expect(found).toHaveLength(249);
    expect(found.filter(({ status }) => status !== "offline")).toEqual(inOrder(adaSeen, bobSeen));
    for (const { socket } of devices) socket.disconnect();
  });
});
