import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChannelId } from "../protocol/ids.ts";
import { REQUESTS, type RequestName } from "../protocol/requests.ts";
import { PACKET_BYTES_MAX } from "../protocol/session.ts";
import {
  type Client,
  createStage,
  type Stage,
  type StagedGateway,
  tokenOf,
} from "../test/support/gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "../test/support/servers.ts";
import { newUser } from "./doubles.ts";
import { SAMPLES } from "./handlers/samples.ts";

let stage: Stage;
let gateway: StagedGateway;
let client: Client;
beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
  gateway = await stage.addGateway();
  client = await stage.client(gateway, newUser());
});
afterEach(() => stage.close());

const events = Object.keys(REQUESTS) as RequestName[];
const NOT_BUILT = new Set<RequestName>([
  "message:edit",
  "message:delete",
  "message:pin",
  "message:unpin",
  "reaction:add",
  "reaction:remove",
  "channel:update",
  "member:update",
  "member:remove",
  "typing:start",
  "typing:stop",
  "presence:update",
  "presence:watch",
  "presence:unwatch",
]);

/** What breaks a request, whatever it is. */
function brokenFormsOf(event: RequestName): [why: string, args: unknown[]][] {
  const sample = SAMPLES[event];
  const replaced = (value: unknown) =>
    Object.keys(sample).map((field): unknown[] => [{ ...sample, [field]: value }]);
  const missing = Object.keys(sample).map((field): unknown[] => [{ ...sample, [field]: undefined }]);
  return [
    ["an unknown field", [{ ...sample, hat: "green" }]],
    ["__proto__", [JSON.parse(`{ "__proto__": { "admin": true } }`)]],
    ["null", [null]],
    ["a text", ["text"]],
    ["a list", [[sample]]],
    ["no argument", []],
    ["two arguments", [sample, sample]],
    ...replaced({ $ne: 1 }).map((args): [string, unknown[]] => ["an object for a value", args]),
    ...replaced(-1.5).map((args): [string, unknown[]] => ["a number for a value", args]),
    ...replaced("\u0000".repeat(5_000)).map((args): [string, unknown[]] => [
      "a text too long, of NULs",
      args,
    ]),
    ...replaced("\ud800").map((args): [string, unknown[]] => ["a lone surrogate", args]),
    ...missing.map((args): [string, unknown[]] => ["a missing field", args]),
  ];
}

describe("bad requests", () => {
  it.each(events)("%s: refused as malformed, nobody is asked, the connection stays", async (event) => {
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
    "%s: the answer of a good request has the shape that the protocol promises",
    async (event) => {
      const channelId = SAMPLES["channel:open"].channelId as ChannelId;
      stage.channels.create(channelId, [client.said[0]!.payload.userId as never]);
      const answer = await client.ask(event, SAMPLES[event]);
      if (NOT_BUILT.has(event)) expect(answer).toMatchObject({ ok: false, error: { code: "unsupported" } });
      else expect(answer).toMatchObject({ ok: true, ...REQUESTS[event].answer.parse(answer) });
    },
  );

  it.each(events)("%s: without an acknowledgement, nothing breaks", async (event) => {
    client.socket.emit(event, SAMPLES[event]);
    client.socket.emit(event, { hat: "green" });
    client.socket.emit(event);
    expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  });

  it.each(["channel:join", "channel:open", "channel:leave", "channel:sync", "channel:read"] as const)(
    "%s: not there, or not a member",
    async (event) => {
      expect(await client.ask(event, SAMPLES[event])).toMatchObject({
        ok: false,
        error: { code: "not_found" },
      });
      stage.channels.create(SAMPLES[event].channelId as ChannelId, []);
      if (event === "channel:join") return;
      expect(await client.ask(event, SAMPLES[event])).toMatchObject({
        ok: false,
        error: { code: "not_a_member" },
      });
      expect(gateway.listeners(SAMPLES[event].channelId as ChannelId)).toBe(0);
    },
  );

  it.each(["__proto__", "constructor", "toString", "error", "message", "ping", ""])(
    "unknown event %j: unsupported, and the connection stays",
    async (event) => {
      expect(await client.ask(event, {})).toMatchObject({ ok: false, error: { code: "unsupported" } });
      client.socket.emit(event);
      expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
    },
  );
});

/** A text of JSON with `levels` of lists. */
const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

/** Sends Engine.IO packets of one's own making; resolves with the WebSocket's close code. */
async function closeCodeOf(
  ...packets: (string | Uint8Array<ArrayBuffer>)[]
): Promise<{ code: number; said: string[] }> {
  const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
  const said: string[] = [];
  socket.addEventListener("message", ({ data }) => {
    said.push(String(data));
    if (String(data).startsWith("40")) for (const packet of packets) socket.send(packet);
  });
  await once(socket as never, "open");
  socket.send(`40${JSON.stringify({ token: tokenOf(newUser()) })}`);
  const [{ code }] = (await once(socket as never, "close")) as [{ code: number }];
  return { code, said };
}

describe("packets that break the protocol end their own connection, and nothing else", () => {
  it.each<[string, (string | Uint8Array<ArrayBuffer>)[]]>([
    ["binary where none is announced", [new Uint8Array([1, 2, 3])]],
    ["a binary event", [`451-["health:check",{"_placeholder":true,"num":0}]`, new Uint8Array(10)]],
    [
      "a binary event, its attachment missing",
      [`451-["health:check",{"_placeholder":true,"num":0}]`, `42["health:check",{}]`],
    ],
    ["a thousand attachments", [`451000-["health:check"]`]],
    [
      "a placeholder beyond its attachments",
      [`451-["health:check",{"_placeholder":true,"num":7}]`, new Uint8Array(1)],
    ],
    ["a deep argument", [`42["health:check",${deep(1_000)}]`]],
    ["an argument as deep as a packet can be", [`420["health:check",${deep(32_000)}]`]],
    ["a deep binary event", [`451-["health:check",${deep(30_000)}]`, new Uint8Array(1)]],
    ["no JSON", ["42{{{"]],
    ["an unknown packet type", ["49"]],
    ["a reserved event", [`42["disconnecting"]`]],
    ["an event without a name", ["42[]"]],
    ["a second CONNECT", [`40${JSON.stringify({ token: "x" })}`]],
    ["an Engine.IO packet of no type", ["x"]],
  ])("%s", async (_why, packets) => {
    const { code } = await closeCodeOf(...packets);
    expect(code).toBeGreaterThanOrEqual(1000);
    expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  });

  it("a packet over 64 KiB: 1009, message too big", async () => {
    expect((await closeCodeOf(`42["message:send","${"x".repeat(PACKET_BYTES_MAX)}"]`)).code).toBe(1009);
  });

  it("is told why, where it can be", async () => {
    const { said } = await closeCodeOf(`42["health:check",${deep(100)}]`);
    expect(said).toContain(`42["session:closing",{"reason":"policy"}]`);
  });

  it("bytes of no protocol at all", async () => {
    const { port } = new URL(gateway.url);
    for (const bytes of [
      "\0".repeat(100_000),
      "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n\r\n",
    ]) {
      const tcp = connect(Number(port), "127.0.0.1")
        .on("error", () => {})
        .resume();
      tcp.end(bytes);
      await new Promise((resolve) => tcp.once("close", resolve));
    }
    expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  });

  it("50,000 random mutations of good packets", { timeout: 60_000 }, async () => {
    const seeds = events.map((event, i) => `42${i}${JSON.stringify([event, SAMPLES[event]])}`);
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 48_271) >>> 0) % 2_147_483_647;
      return state % below;
    };
    const mutated = () => {
      const chars = [...seeds[random(seeds.length)]!];
      for (let i = random(4); i >= 0; i--)
        chars.splice(random(chars.length), random(3), String.fromCharCode(random(256)));
      return chars.join("");
    };
    for (let round = 0; round < 50; round++) {
      const open = await fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling`);
      const { sid } = JSON.parse((await open.text()).slice(1)) as { sid: string };
      const url = `${gateway.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`;
      await fetch(url, { method: "POST", body: `40${JSON.stringify({ token: tokenOf(newUser()) })}` });
      const body = Array.from({ length: 1_000 }, mutated)
        .join("\x1e")
        .slice(0, PACKET_BYTES_MAX - 1_000);
      await fetch(url, { method: "POST", body });
    }
    expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  });
});

describe("rates", () => {
  const rates = { enabled: true, eventsPerSecond: 5, messagesPerMinute: 2, connectsPerMinute: 600 };

  it("events of a connection: refused beyond the limit, ended beyond all reason", async () => {
    const limited = await stage.client(await stage.addGateway({ rates }), newUser());
    const answers = await Promise.all(Array.from({ length: 12 }, () => limited.ask("health:check", {})));
    const refused = answers.filter(({ ok }) => !ok);
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(refused[0]).toMatchObject({
      error: { code: "rate_limited", retry: "later", retryAfterMs: expect.any(Number) },
    });
    for (let i = 0; i < 300; i++) limited.socket.emit("health:check", {});
    await expect
      .poll(() => limited.said.at(-1))
      .toEqual({ event: "session:closing", payload: { reason: "policy" } });
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
});
