/** Many who come at once: let in a few at a time, in order; turned away, and told when to come back, beyond that. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { WebSocket } from "ws";
import { createStage, openClient, type Stage } from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "../test/support/servers.ts";
import { newChannel, newUser } from "./doubles.ts";

let stage: Stage;
const clients: ReturnType<typeof openClient>[] = [];
beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await stage.close();
});

const come = (url: string) => {
  const client = openClient(url, newUser());
  clients.push(client);
  return client;
};
/** A promise that nobody keeps before `end`. */
function never(): { promise: Promise<void>; end: () => void } {
  let end = () => {};
  const promise = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { promise, end };
}

it("reads about no more than a few at once, and in the end every one of them is let in", async () => {
  const memberships = stage.channels.memberships;
  let [open, most] = [0, 0];
  const gateway = await stage.addGateway({
    memberships: {
      ...memberships,
      async ofUser(userId) {
        most = Math.max(most, ++open);
        await sleep(5);
        open -= 1;
        return memberships.ofUser(userId);
      },
    },
  });
  const ready = Array.from({ length: 300 }, () => once(come(gateway.url).socket as never, "session:ready"));
  await Promise.all(ready);
  expect(most).toBeGreaterThan(8);
  expect(most).toBeLessThanOrEqual(32);
  expect(await gateway.metric("hubbub_connects_total", { result: "accepted" })).toBe(300);
  expect(await gateway.metric("hubbub_connects_waiting")).toBe(0);
});

it("a line that does not move: who comes is told when to come back, and is let in once it moves again", async () => {
  const stuck = never();
  let isStuck = true;
  const gateway = await stage.addGateway({
    connectPatienceMs: 50,
    connectHoldMs: 60_000,
    verifyToken: async (token) => {
      if (isStuck) await stuck.promise;
      const userId = token.split(" ")[0] as never;
      return { userId, issuedAtMs: Date.now(), expiresAtMs: Date.now() + 60_000 };
    },
  });
  const told: { code: string; retryAfterMs: number }[] = [];
  for (let n = 0; n < 100; n++)
    come(gateway.url).socket.on("connect_error", (error) =>
      told.push((error as Error & { data: never }).data),
    );
  const polling = () => fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling`);
  await expect.poll(async () => (await polling()).status, { interval: 10, timeout: 10_000 }).toBe(503);
  expect(await (await polling()).json()).toMatchObject({ code: "overloaded", retry: "later", status: 503 });
  const late = new WebSocket(`${gateway.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
  const [, response] = await once(late, "unexpected-response");
  expect(response.statusCode).toBe(503);
  expect(response.headers).toMatchObject({ "content-type": expect.stringContaining("problem+json") });
  expect(Number(response.headers["retry-after"])).toBeGreaterThanOrEqual(1);
  expect(await gateway.metric("hubbub_connects_total", { result: "turned_away" })).toBeGreaterThanOrEqual(3);
  isStuck = false;
  stuck.end();
  await expect.poll(() => gateway.metric("hubbub_connects_waiting"), { timeout: 10_000 }).toBe(0);
  await once(come(gateway.url).socket as never, "session:ready");
  for (const { code } of told.filter((each) => each)) expect(code).toBe("overloaded");
});

it("row D5: an owner that does not answer holds up neither `session:ready` nor the other channels", async () => {
  const [userId, silent, heard] = [newUser(), newChannel(), newChannel()];
  for (const id of [silent, heard]) {
    stage.channels.create(id, [userId]);
    stage.channels.say(id, userId);
  }
  const gateway = await stage.addGateway();
  const dead = never();
  const ask = stage.channels.askChannel;
  stage.channels.askChannel = async (...args) => {
    if (args[0] === silent) await dead.promise;
    return ask(...args) as never;
  };
  const resume = { [silent]: [0, 0], [heard]: [0, 0] };
  const fromMs = performance.now();
  const client = openClient(gateway.url, userId, { auth: { resume } });
  clients.push(client);
  const [ready] = (await once(client.socket as never, "session:ready")) as [
    { resumed: { channels: Record<string, { events: unknown[] }>; left: string[] } },
  ];
  expect(performance.now() - fromMs).toBeLessThan(3_000);
  expect(Object.keys(ready.resumed.channels)).toEqual([heard]);
  expect(ready.resumed.left).toEqual([]);
  expect(gateway.listeners(silent)).toBe(0);
  dead.end();
  const again = await client.ask("session:resume", { channels: { [silent]: [0, 0] } });
  expect(again).toMatchObject({ ok: true, channels: { [silent]: { seq: 1 } } });
  expect(gateway.listeners(silent)).toBe(1);
});
