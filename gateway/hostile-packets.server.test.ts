import { once } from "node:events";
import { connect, type Socket as TcpSocket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
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
import { newUser, recordingLogger } from "./doubles.ts";
import { SAMPLES } from "./handlers/samples.ts";

let stage: Stage;
let gateway: StagedGateway;
let client: Client;
const { logger, said: errors } = recordingLogger();
beforeEach(async () => {
  stage = await createStage(sharedRedisUrl(), freshPrefix());
  gateway = await stage.addGateway({ logger });
  client = await stage.client(gateway, newUser());
});
afterEach(async () => {
  // Whatever was sent: everyone else is served, and nobody is woken.
  expect(await client.ask("health:check", {})).toMatchObject({ ok: true });
  expect(errors).toEqual([]);
  await stage.close();
});

const events = Object.keys(REQUESTS) as RequestName[];
const connectPacket = (token = tokenOf(newUser())) => `40${JSON.stringify({ token })}`;

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
  socket.send(connectPacket());
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
    ["an event of a namespace that nobody joined", [`42/other,["health:check",{}]`]],
    ["a second CONNECT", [connectPacket("x")]],
    ["an Engine.IO packet of no type", ["x"]],
    ["a ping, which is the server's to send", ["2"]],
  ])("%s", async (_why, packets) => {
    const { code } = await closeCodeOf(...packets);
    expect(code).toBeGreaterThanOrEqual(1000);
  });

  it.each(events)("%s: a packet over 64 KiB closes with 1009, message too big", async (event) => {
    const large = { ...SAMPLES[event], content: "x".repeat(PACKET_BYTES_MAX) };
    expect((await closeCodeOf(`420${JSON.stringify([event, large])}`)).code).toBe(1009);
    expect(stage.channels.trace).toEqual([]);
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
      const url = await openPolling();
      await fetch(url, { method: "POST", body: connectPacket() });
      const body = Array.from({ length: 1_000 }, mutated)
        .join("\x1e")
        .slice(0, PACKET_BYTES_MAX - 1_000);
      await fetch(url, { method: "POST", body });
    }
  });
});

/** The URL of a new polling connection. */
async function openPolling(): Promise<string> {
  const open = await fetch(`${gateway.url}/socket.io/?EIO=4&transport=polling`);
  const { sid } = JSON.parse((await open.text()).slice(1)) as { sid: string };
  return `${gateway.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`;
}

describe("polling", () => {
  it("takes a POST of 64 KiB and no more", async () => {
    const url = await openPolling();
    const { status } = await fetch(url, { method: "POST", body: `4${"x".repeat(PACKET_BYTES_MAX)}` });
    expect(status).toBe(413);
  });

  it.each([
    "EIO=4&transport=polling&sid=unknown",
    "EIO=4&transport=polling&sid=__proto__",
    "EIO=4&transport=constructor",
    "EIO=4&transport=__proto__",
    "EIO=3&transport=polling",
    "EIO=4",
  ])("%s is refused with 400", async (query) => {
    expect((await fetch(`${gateway.url}/socket.io/?${query}`)).status).toBe(400);
  });

  it("two polls at once end the connection", async () => {
    const url = await openPolling();
    await fetch(url, { method: "POST", body: connectPacket() });
    await fetch(url);
    await Promise.allSettled([fetch(url), fetch(url), fetch(url)]);
    await expect.poll(async () => (await fetch(url)).status).toBe(400);
  });
});

describe("namespaces", () => {
  it.each(["/other", "/__proto__", "/constructor"])(
    "%s is invalid, and the connection stays",
    async (name) => {
      const other = client.socket.io.socket(name, { auth: { token: tokenOf(newUser()) } });
      const [error] = (await once(other as never, "connect_error")) as [Error];
      expect(error.message).toBe("Invalid namespace");
      expect(gateway.io._nsps.size).toBe(1);
    },
  );
});

/** A text frame as a client masks it, with a mask of zeros. */
function textFrame(text: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x81_fe);
  head.writeUInt16BE(text.length, 2);
  return Buffer.concat([head, Buffer.from(text)]);
}
const PING_FRAME = Buffer.concat([Buffer.from([0x89, 0x80 | 125]), Buffer.alloc(4 + 125)]);

/** A WebSocket made by hand, which has joined the namespace and from now on reads nothing. */
async function deafClient(to: StagedGateway): Promise<TcpSocket> {
  const tcp = connect(Number(new URL(to.url).port), "127.0.0.1").on("error", () => {});
  tcp.write(
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
  );
  await once(tcp, "data");
  tcp.write(textFrame(connectPacket().padEnd(200)));
  let heard = "";
  while (!heard.includes("session:ready")) heard += (await once(tcp, "data"))[0];
  tcp.pause();
  return tcp;
}

/** Writes until the server has ended it, or for 10 s. */
async function writeUntilEnded(
  tcp: TcpSocket,
  chunk: Buffer,
  isEnded: () => Promise<boolean>,
): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (!tcp.destroyed && performance.now() < untilMs && !(await isEnded())) {
    for (let i = 0; i < 20 && tcp.writableLength < 1_048_576; i++) tcp.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  tcp.destroy();
}

describe("row D9: what the libraries answer by themselves waits for nobody without end", () => {
  it.each([
    ["CONNECTs to other namespaces", textFrame(`40/${"x".repeat(60_000)},`)],
    ["WebSocket pings", Buffer.concat(Array.from({ length: 500 }, () => PING_FRAME))],
  ])("%s, unread, end their connection as slow", { timeout: 20_000 }, async (_what, chunk) => {
    const strict = await stage.addGateway({ logger, slowClientBytes: 65_536 });
    const isEnded = async () => (await strict.metric("hubbub_disconnects_total", { reason: "slow" })) === 1;
    await writeUntilEnded(await deafClient(strict), chunk, isEnded);
    await expect.poll(isEnded).toBe(true); // the client may hear of its end before it is counted
    await expect.poll(() => strict.io.engine.clientsCount).toBe(0);
  });

  it("packets that are no requests count: a flood of them ends its connection", {
    timeout: 20_000,
  }, async () => {
    const rates = { enabled: true, eventsPerSecond: 5, messagesPerMinute: 100, connectsPerMinute: 600 };
    const limited = await stage.addGateway({ logger, rates });
    const isEnded = async () =>
      (await limited.metric("hubbub_disconnects_total", { reason: "policy" })) === 1;
    await writeUntilEnded(await deafClient(limited), textFrame("43[]".padEnd(200)), isEnded);
    await expect.poll(isEnded).toBe(true);
  });
});
