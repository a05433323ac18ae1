import { afterEach, beforeEach, expect, it } from "vitest";
import type { ChannelId } from "../protocol/ids.ts";
import { createStage, type Stage } from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "../test/support/servers.ts";
import { newChannel, newUser } from "./doubles.ts";
import { SAMPLES } from "./handlers/samples.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
});
afterEach(() => stage.close());

const rates = { enabled: true, eventsPerSecond: 5, messagesPerMinute: 2, connectsPerMinute: 600 };

it("events of a connection: refused beyond the limit, ended beyond all reason", async () => {
  const limited = await stage.client(await stage.addGateway({ rates }), newUser());
  const answers = await Promise.all(Array.from({ length: 12 }, () => limited.ask("health:check", {})));
  const refused = answers.filter(({ ok }) => !ok);
  expect(refused.length).toBeGreaterThanOrEqual(2);
  expect(refused[0]).toMatchObject({
    error: { code: "rate_limited", retry: "later", retryAfterMs: expect.any(Number) },
  });
  for (let i = 0; i < 10_000; i++) limited.socket.emit("channel:open", { channelId: newChannel() });
  await expect
    .poll(() => limited.said.at(-1))
    .toEqual({ event: "session:closing", payload: { reason: "policy" } });
  expect(stage.channels.trace.length).toBeLessThanOrEqual(3 * rates.eventsPerSecond);
});

it("a resume of many channels counts as many events: owners are asked no more often than by events", async () => {
  const userId = newUser();
  const channels: Record<string, [number, number]> = {};
  for (let i = 0; i < 200; i++) {
    const id = newChannel();
    channels[id] = [0, 0];
    stage.channels.create(id, [userId]);
  }
  const client = await stage.client(await stage.addGateway({ rates }), userId);
  stage.channels.trace.length = 0;
  const asked = Array.from({ length: 5 }, () => client.ask("session:resume", { channels }));
  const answers = await Promise.all(asked);
  expect(answers.map(({ ok }) => ok).filter(Boolean).length).toBeLessThanOrEqual(2);
  expect(answers.at(-1)).toMatchObject({ error: { code: "rate_limited" } });
  expect(stage.channels.trace.length).toBeLessThanOrEqual(400);
});

it("messages of a person, over all their connections and nodes", async () => {
  const userId = newUser();
  const channelId = SAMPLES["message:send"].channelId as ChannelId;
  stage.channels.create(channelId, [userId]);
  const sent: boolean[] = [];
  for (const each of [await stage.addGateway({ rates }), await stage.addGateway({ rates })]) {
    const sender = await stage.client(each, userId);
    for (let i = 0; i < 2; i++) sent.push((await sender.ask("message:send", SAMPLES["message:send"])).ok);
  }
  expect(sent).toEqual([true, true, false, false]);
});
