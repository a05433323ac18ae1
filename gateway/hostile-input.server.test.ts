import { once } from "node:events";
import { v7 as uuidv7 } from "uuid";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { RefusalCode } from "../protocol/refusals.ts";
import { REQUESTS, type RequestName } from "../protocol/requests.ts";
import {
  type Client,
  createStage,
  openClient,
  type Stage,
  type StagedGateway,
  tokenOf,
} from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "../test/support/servers.ts";
import { newChannel, newUser, recordingLogger } from "./doubles.ts";
import { SAMPLES } from "./handlers/samples.ts";

let stage: Stage;
let gateway: StagedGateway;
let userId: UserId;
let client: Client;
const { logger, said: errors } = recordingLogger();
beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
  gateway = await stage.addGateway({ logger });
  userId = newUser();
  client = await stage.client(gateway, userId);
});
afterEach(async () => {
  // Whatever a client sent: nobody is woken for it.
  expect(errors.splice(0)).toEqual([]);
  await stage.close();
});

const events = Object.keys(REQUESTS) as RequestName[];
const CHANNEL = SAMPLES["channel:open"].channelId as ChannelId;

/**
 * What each event answers to someone who is in no channel: where the channel is not there, and where they are no member of
 * it. A new event does not compile without its row.
 */
const TO_STRANGERS: Record<RequestName, { notThere: RefusalCode | "ok"; notMember: RefusalCode | "ok" }> = {
  "message:send": { notThere: "not_found", notMember: "not_a_member" },
  "message:edit": { notThere: "not_found", notMember: "not_a_member" },
  "message:delete": { notThere: "not_found", notMember: "not_a_member" },
  "message:pin": { notThere: "not_found", notMember: "not_a_member" },
  "message:unpin": { notThere: "not_found", notMember: "not_a_member" },
  "reaction:add": { notThere: "not_found", notMember: "not_a_member" },
  "reaction:remove": { notThere: "not_found", notMember: "not_a_member" },
  "channel:join": { notThere: "not_found", notMember: "ok" },
  "channel:open": { notThere: "not_found", notMember: "not_a_member" },
  "channel:close": { notThere: "ok", notMember: "ok" },
  "channel:leave": { notThere: "not_found", notMember: "not_a_member" },
  "channel:sync": { notThere: "not_found", notMember: "not_a_member" },
  "channel:read": { notThere: "not_found", notMember: "not_a_member" },
  "channel:delivered": { notThere: "not_found", notMember: "not_a_member" },
  "channel:update": { notThere: "not_found", notMember: "not_a_member" },
  "member:invite": { notThere: "not_found", notMember: "not_a_member" },
  "member:update": { notThere: "not_found", notMember: "not_a_member" },
  "member:remove": { notThere: "not_found", notMember: "not_a_member" },
  "typing:start": { notThere: "not_found", notMember: "not_a_member" },
  "typing:stop": { notThere: "not_found", notMember: "not_a_member" },
  "presence:update": { notThere: "ok", notMember: "ok" },
  "presence:watch": { notThere: "ok", notMember: "ok" },
  "presence:unwatch": { notThere: "ok", notMember: "ok" },
  "session:resume": { notThere: "ok", notMember: "ok" },
  "health:check": { notThere: "ok", notMember: "ok" },
};

/** Every field of an event's schema, those that may be left out among them. */
function fieldsOf(event: RequestName): string[] {
  const schema = z.toJSONSchema(REQUESTS[event].request, { io: "input" });
  const forms = (schema.anyOf ?? [schema]) as { properties?: object }[];
  return [...new Set(forms.flatMap(({ properties }) => Object.keys(properties ?? {})))];
}

/** What breaks a request, whatever it is. */
function brokenFormsOf(event: RequestName): [why: string, args: unknown[]][] {
  const sample = SAMPLES[event];
  const wrong: [why: string, value: unknown][] = [
    ["an object", { $ne: { $gt: 1 } }],
    ["a number", -1.5],
    ["a text with NUL", "a\u0000"],
    ["a text too long", "x".repeat(17_000)],
    ["a lone surrogate", "\ud800"],
  ];
  const replaced = fieldsOf(event).flatMap((field) =>
    wrong.map(([why, value]): [string, unknown[]] => [`${field}: ${why}`, [{ ...sample, [field]: value }]]),
  );
  const missing = Object.keys(sample).map((field): [string, unknown[]] => [
    `${field} is missing`,
    [{ ...sample, [field]: undefined }],
  ]);
  return [
    ["an unknown field", [{ ...sample, hat: "green" }]],
    ["__proto__", [JSON.parse(`{ ${JSON.stringify(sample).slice(1, -1) || `"x": 1`}, "__proto__": {} }`)]],
    ["null", [null]],
    ["a text", ["text"]],
    ["a list", [[sample]]],
    ["no argument", []],
    ["two arguments", [sample, sample]],
    ["an acknowledgement that is no function", [sample, "function"]],
    ...replaced,
    ...missing,
  ];
}

describe("every event of the table", () => {
  it.each(events)("%s: unknown field, wrong type, too large: malformed, nobody is asked", async (event) => {
    for (const [why, args] of brokenFormsOf(event)) {
      const answer = await client.socket.timeout(5_000).emitWithAck(event, ...args);
      expect([why, answer]).toMatchObject([why, { ok: false, error: { code: "malformed", retry: "never" } }]);
      expect(JSON.stringify(answer).length).toBeLessThan(1_500);
      expect(JSON.stringify(answer)).not.toMatch(/green|hat|\\u0000|\$ne|\\ud800/);
    }
    expect(stage.channels.trace).toEqual([]);
    expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  });

  it.each(events)(
    "%s: not there, not a member: the refusal of the owner, and no place in the room",
    async (event) => {
      const codeOf = async () => {
        const answer = (await client.ask(event, SAMPLES[event])) as { ok: boolean; error?: { code: string } };
        return answer.ok ? "ok" : answer.error?.code;
      };
      const { notThere, notMember } = TO_STRANGERS[event];
      expect(await codeOf()).toBe(notThere);
      stage.channels.create(CHANNEL, []);
      expect(await codeOf()).toBe(notMember);
      expect(gateway.listeners(CHANNEL)).toBe(event === "channel:join" ? 1 : 0);
    },
  );

  it.each(events)(
    "%s: behind a bad, expired or revoked token, nobody is asked and nothing is answered",
    async (event) => {
      await gateway.revoke(userId, Date.now());
      for (const token of ["x", tokenOf(userId, 0, 1), tokenOf(userId, 1)]) {
        const socket = new WebSocket(
          `${gateway.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`,
        );
        const said: string[] = [];
        socket.addEventListener("message", ({ data }) => {
          said.push(String(data));
          if (String(data).startsWith("44")) socket.send(`420${JSON.stringify([event, SAMPLES[event]])}`);
        });
        await once(socket as never, "open");
        socket.send(`40${JSON.stringify({ token })}`);
        await once(socket as never, "close");
        expect(said.at(-1)).toContain(`"code":"unauthenticated"`);
      }
      expect(stage.channels.trace).toEqual([]);
    },
  );

  it.each(events)(
    "%s: the answer of a good request has the shape that the protocol promises",
    async (event) => {
      stage.channels.create(CHANNEL, [userId]);
      const answer = await client.ask(event, SAMPLES[event]);
      expect(answer).toMatchObject({ ok: true, ...REQUESTS[event].answer.parse(answer) });
    },
  );

  it.each(events)("%s: without an acknowledgement, nothing breaks", async (event) => {
    client.socket.emit(event, SAMPLES[event]);
    client.socket.emit(event, { hat: "green" });
    client.socket.emit(event);
    expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  });
});

it.each(["__proto__", "constructor", "toString", "error", "message", "ping", ""])(
  "unknown event %j: unsupported, and the connection stays",
  async (event) => {
    expect(await client.ask(event, {})).toMatchObject({ ok: false, error: { code: "unsupported" } });
    client.socket.emit(event);
    expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  },
);

it.each(["html", "mentions", "sentHash", "authorId", "seq"])(
  "rule H6: %s is the gateway's to say: of a client it is malformed",
  async (field) => {
    stage.channels.create(CHANNEL, [userId]);
    const draft = { ...SAMPLES["message:send"], content: "*a* <b>" };
    expect(await client.ask("message:send", { ...draft, [field]: "<script>" })).toMatchObject({
      error: { code: "malformed" },
    });
    expect(stage.channels.trace).toEqual([]);
    expect(await client.ask("message:send", draft)).toMatchObject({ ok: true });
    expect(stage.channels.trace).toMatchObject([
      { command: { type: "send", message: { html: "<p><em>a</em> &lt;b&gt;</p>" } } },
    ]);
  },
);

it("a live socket whose token was revoked is heard no more", async () => {
  await gateway.revoke(userId, Date.now());
  for (const event of events) client.socket.emit(event, SAMPLES[event]);
  await expect.poll(() => client.socket.connected).toBe(false);
  expect(stage.channels.trace).toEqual([]);
});

it("10,000 channels that are not there: refused one by one, and nothing of them stays", {
  timeout: 30_000,
}, async () => {
  const codes = new Set<unknown>();
  for (let round = 0; round < 20; round++) {
    const asked = Array.from({ length: 500 }, () => client.ask("channel:open", { channelId: newChannel() }));
    for (const { error } of (await Promise.all(asked)) as unknown as { error: { code: string } }[])
      codes.add(error.code);
  }
  expect([...codes]).toEqual(["not_found"]);
  const { channel } = gateway.io.of("/").adapter as unknown as { channel: string };
  await expect.poll(() => gateway.publisher.call("PUBSUB", "SHARDCHANNELS", `${channel}*-*`)).toEqual([]);
});

describe("resuming with positions that make no sense", () => {
  const nonsense: unknown[] = [[-1, 0], [1.5, 1], ["1", 1], [1], [1, 2, 3], [2 ** 53, 1], null, {}, 7, "1,1"];
  it.each(nonsense)("%j is malformed, asked for or in the handshake", async (position) => {
    stage.channels.create(CHANNEL, [userId]);
    const channels = { [CHANNEL]: position };
    expect(await client.ask("session:resume", { channels })).toMatchObject({ error: { code: "malformed" } });
    const { socket } = openClient(gateway.url, userId, { auth: { resume: channels } });
    const [error] = (await once(socket as never, "connect_error")) as [{ data: object }];
    expect(error.data).toMatchObject({ code: "malformed" });
    socket.disconnect();
  });

  it.each([
    [9_999, 1],
    [1, 9_999],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])("[%d, %d] is another history: reset, with the head", async (...position) => {
    stage.channels.create(CHANNEL, [userId]);
    for (let i = 0; i < 3; i++) stage.channels.say(CHANNEL, userId);
    const resumed = await client.ask("session:resume", { channels: { [CHANNEL]: position } });
    expect(resumed).toMatchObject({ channels: { [CHANNEL]: { events: [], seq: 3, epoch: 1, reset: true } } });
  });

  it("more channels than one resume may name are malformed; keys of prototypes are no channels", async () => {
    const many = Object.fromEntries(Array.from({ length: 1_001 }, () => [uuidv7(), [0, 0]]));
    for (const channels of [many, JSON.parse(`{"constructor":[1,1]}`)])
      expect(await client.ask("session:resume", { channels })).toMatchObject({
        error: { code: "malformed" },
      });
    const answer = await client.ask("session:resume", { channels: JSON.parse(`{"__proto__":[1,1]}`) });
    expect(answer).not.toHaveProperty("channels.__proto__.0");
    expect(({} as Record<number, unknown>)[0]).toBeUndefined();
  });
});
