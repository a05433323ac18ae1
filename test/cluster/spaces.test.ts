/** Rule E1: who is banned in a space, on two real nodes. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { post } from "../../bench/load/site.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { assert } from "../../src/lib/assert.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster, type TestNode } from "../support/cluster.ts";
import { channelOf, Device, type Person, people } from "./people.ts";
import { ownersOf } from "./stores.ts";

/** The ban is tried so often, each time with a person of its own. */
const ROUNDS = 4;
/** Sends that begin behind the ack, on each node: what is not refused at once would not be for 5 s. */
const LATE_SENDS = 5;
const LEASE_MS = 6_000;
/** Looks between nodes, and busy machines. */
const NOTICED_WITHIN_MS = 3_000;

let cluster: TestCluster;
let nodes: [TestNode, TestNode];
let owner: Person;
let witnesses: Device[];
let spaceId: ChannelId;
/** Whose shard the space's is not. */
let far: TestNode;
let near: TestNode;
/** Owned by `far`. */
let topicId: ChannelId;

beforeAll(async () => {
  cluster = await startCluster({ nodes: 2 });
  nodes = cluster.nodes as unknown as [TestNode, TestNode];
  [owner] = (await people(nodes, 1)) as [Person];
  const made = await post<{ space: { id: ChannelId } }>(nodes[0].url, "/spaces", { name: "E1" }, owner.token);
  spaceId = made.space.id;
  near = await ownerOf(spaceId);
  far = nodes.find((node) => node !== near)!;
  do topicId = await channelOf(near, owner, [], { kind: "topic", spaceId, name: "Far away" });
  while ((await ownerOf(topicId)) !== far);
  witnesses = await Promise.all(nodes.map((node) => Device.connect(node, owner)));
  await Promise.all(witnesses.map((device) => device.join(topicId)));
});
afterAll(async () => {
  for (const device of witnesses ?? []) device.close();
  await stopAudited(cluster);
});

async function ownerOf(id: ChannelId): Promise<TestNode> {
  const owners = await ownersOf(cluster.redis.url, [id]);
  return nodes.find((node) => node.id === owners.get(id))!;
}

/** A member of the space who listens to the topic on both nodes, and has just said something on each, the last at `said`. */
async function visitor(): Promise<{ person: Person; devices: Device[]; said: number; close(): void }> {
  const [person] = (await people(nodes, 1)) as [Person];
  await post(near.url, `/spaces/${spaceId}/join`, {}, person.token);
  const devices = await Promise.all(nodes.map((node) => Device.connect(node, person)));
  let said = 0;
  for (const device of devices) {
    await device.join(topicId);
    const sent = await device.send(topicId, "hello");
    assert(sent.ok, "a member of the space may speak");
    said = sent.message.seq;
  }
  return { person, devices, said, close: () => devices.forEach((device) => void device.close()) };
}

/** Asked of the node that owns the space. */
const ban = ({ id }: Person) =>
  witnesses[nodes.indexOf(near)]!.ask("member:remove", {
    channelId: spaceId,
    userId: id,
    bannedUntilMs: null,
  });

const heardSince = (said: number, device: Device) => device.heard(topicId).filter(({ seq }) => seq > said);

/** Something is said in the topic, and the owner of the channel hears it on both nodes. */
async function sayMore(): Promise<void> {
  const counts = witnesses.map((device) => device.heard(topicId).length);
  expect(await witnesses[0]!.send(topicId, "more")).toMatchObject({ ok: true });
  await expect
    .poll(() => witnesses.every((device, i) => device.heard(topicId).length > counts[i]!), {
      timeout: 10_000,
    })
    .toBe(true);
}

describe("rule E1: who is banned in a space", () => {
  it("says nothing in a topic of another node, and hears nothing of it, from the ack on", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const { person, devices, said, close } = await visitor();
      expect(await ban(person)).toMatchObject({ ok: true, member: { status: "removed" } });
      for (let n = 0; n < LATE_SENDS; n++)
        for (const device of devices)
          expect(await device.send(topicId, `late ${n}`)).toMatchObject({ error: { code: "banned" } });
      await sayMore();
      expect(devices.map((device) => heardSince(said, device))).toEqual([[], []]);
      close();
    }
  });

  it("is said to be out while a node stands still no later than when its lease is gone, and is out there too when it wakes", async () => {
    const { person, devices, said, close } = await visitor();
    const frozenAtMs = performance.now();
    far.freeze();
    const codes: string[] = [];
    for (let banned = await ban(person); !banned.ok; banned = await ban(person))
      codes.push(banned.error.code);
    const tookMs = performance.now() - frozenAtMs;
    expect(new Set(codes)).toEqual(new Set(["unavailable"]));
    far.thaw();
    const sends = devices.map(async (device) => {
      for (;;) {
        const sent = await device.send(topicId, "after all");
        if (sent.ok || sent.error.retry !== "later") return sent;
      }
    });
    for (const sent of await Promise.all(sends)) expect(sent).toMatchObject({ error: { code: "banned" } });
    await sayMore();
    expect(devices.map((device) => heardSince(said, device))).toEqual([[], []]);
    console.log(`one of two nodes frozen: the ban was acked after ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(LEASE_MS + NOTICED_WITHIN_MS);
    close();
  });
});
