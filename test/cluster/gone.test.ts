/** Rule E4: a killed node takes the connections of its people with it, as far as anyone can see. */
import { setTimeout as sleep } from "node:timers/promises";
import { io, type Socket } from "socket.io-client";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Presence } from "../../protocol/signals.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { type Person, people } from "./people.ts";
import { ownersOf } from "./stores.ts";

const LEASE_MS = 6_000;
const GRACE_MS = 5_000;
/** After a start nobody is declared offline for so long. */
const DOUBT_MS = 10_000;
/** The leader's round, a second to look who is due, and busy machines. Far from the 90 s of a gateway that only fell silent. */
const NOTICED_WITHIN_MS = 6_000;

let cluster: TestCluster;
const sockets: Socket[] = [];
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(async () => {
  for (const socket of sockets) socket.disconnect();
  await stopAudited(cluster);
});

async function connect({ token }: Person, n: number): Promise<Socket> {
  const options = { transports: ["websocket"], forceNew: true, reconnection: false, auth: { token } };
  const socket = io(cluster.nodes[n]!.url, options);
  sockets.push(socket);
  await new Promise((resolve, reject) => socket.once("session:ready", resolve).once("connect_error", reject));
  return socket;
}

/** Someone whose session actor lives on the n-th node. */
async function personOf(n: number): Promise<Person> {
  for (;;) {
    const [person] = (await people(cluster.nodes, 1)) as [Person];
    const id = person.id as string as ChannelId;
    const owners = await ownersOf(cluster.redis.url, [id]);
    if (owners.get(id) === cluster.nodes[n]!.id) return person;
  }
}

it("rule E4: who was connected to a killed node only is seen offline after its lease and the grace", async () => {
  const [ada, bob] = [await personOf(0), await personOf(1)];
  const watcher = await connect(bob, 1);
  const seen: { presence: Presence; atMs: number }[] = [];
  watcher.on("presence", (presence: Presence) => seen.push({ presence, atMs: performance.now() }));
  await connect(ada, 2);
  const watch = () => watcher.timeout(5_000).emitWithAck("presence:watch", { userIds: [ada.id] });
  await expect
    .poll(async () => (await watch()).presences, { timeout: 10_000 })
    .toEqual([{ userId: ada.id, status: "online" }]);
  await sleep(DOUBT_MS);
  seen.length = 0;

  const killedAtMs = performance.now();
  await cluster.nodes[2]!.kill();
  const withinMs = LEASE_MS + GRACE_MS + NOTICED_WITHIN_MS;
  await expect
    .poll(() => seen.map(({ presence }) => presence), { timeout: withinMs })
    .toEqual([expect.objectContaining({ userId: ada.id, status: "offline" })]);
  const tookMs = seen[0]!.atMs - killedAtMs;
  console.log(`killed: offline after ${Math.round(tookMs)} ms`);
  expect(tookMs, "not before the grace is over").toBeGreaterThan(GRACE_MS);
});
