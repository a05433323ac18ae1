/**
 * CPU per delivery: what the server spends to bring one message to one WebSocket listener, by three ways in the same run:
 * a bare loop that writes a ready frame (`floor`), this gateway's rooms, and `io.to().emit`. Prints microseconds and ratios.
 * The server is this process; listeners are a child process that only reads.
 *
 *   node bench/deliveries.ts [listeners] [messages a second] [seconds]
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket as TcpSocket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { v7 as uuidv7 } from "uuid";
import { encodeEvent } from "../gateway/adapter/frame.ts";
import { messageEvent, newChannel, newUser } from "../gateway/doubles.ts";
import { findRedis, redisUrl, startRedisServer } from "../src/start/embedded-redis.ts";
import { freePort } from "../src/start/free-port.ts";
import { createStage, tokenOf } from "../test/support/gateway-stage.ts";

const [listeners = 1_000, perSecond = 40, seconds = 5] = process.argv.slice(2).map(Number);
const ROUNDS = 3;

if (process.send) listen();
else await measure();

/** The child: opens WebSockets by hand (a client library would cost more than the server), joins, counts bytes. */
function listen(): void {
  process.on(
    "message",
    ({ port, channelId, tokens }: { port: number; channelId: string; tokens: string[] }) => {
      let open = 0;
      for (const token of tokens) {
        const tcp = connect(port, "127.0.0.1");
        const key = Buffer.from(uuidv7().slice(0, 16)).toString("base64");
        tcp.write(
          `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
            `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
        );
        let step = 0;
        tcp.on("data", (data) => {
          const text = step < 3 ? data.toString("latin1") : "";
          if (step === 0 && text.includes("\r\n\r\n"))
            step = tcp.write(masked(`40${JSON.stringify({ token })}`)) ? 1 : 1;
          else if (step === 1 && text.includes("40{"))
            step = tcp.write(masked(`420["channel:open",{"channelId":"${channelId}"}]`)) ? 2 : 2;
          if (step === 2 && text.includes("430[")) {
            step = 3;
            if (++open === tokens.length) process.send!("ready");
          }
        });
        tcp.on("close", () => step < 3 && process.exit(1));
      }
    },
  );
  process.send!("up");
}

/** A client's frame; a mask of zeros is a mask. */
function masked(text: string): Buffer {
  const body = Buffer.from(text);
  const head =
    body.length < 126
      ? Buffer.from([0x81, 0x80 | body.length])
      : Buffer.from([0x81, 0xfe, body.length >> 8, body.length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), body]);
}

async function measure(): Promise<void> {
  const port = await freePort();
  const redis = await startRedisServer({
    binary: findRedis()!,
    dir: "/tmp",
    port,
    appendOnly: false,
    args: ["--save", ""],
  });
  const stage = await createStage(redisUrl({ port }), "bench");
  // Listeners answer no pings.
  const gateway = await stage.addGateway({ heartbeatMs: 600_000 });
  const [channelId, author] = [newChannel(), newUser()];
  const users = Array.from({ length: listeners }, newUser);
  stage.channels.create(channelId, [author, ...users]);
  stage.channels.say(channelId, author);
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2));
  await once(child, "message");
  await tell(child, {
    port: Number(new URL(gateway.url).port),
    channelId,
    tokens: users.map((user) => tokenOf(user)),
  });
  const bare = await bareSockets();
  await pause(1_000);
  const frameOf = () => ({
    channelId,
    epoch: 1,
    events: [messageEvent(channelId, 1, author, "x".repeat(200))],
  });
  const ways: Record<string, () => void> = {
    floor() {
      const { bytes } = encodeEvent("channel:events", frameOf());
      for (const tcp of bare.sockets) tcp.write(bytes);
    },
    gateway: () =>
      gateway.broadcaster.publish(channelId, 1, [stage.channels.say(channelId, author, "x".repeat(200))]),
    emit: () => void gateway.io.local.to(channelId).emit("channel:events:bench", frameOf()),
  };
  const spent: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++)
    for (const [way, send] of Object.entries(ways))
      spent[way] = [...(spent[way] ?? []), await cpuPerDelivery(send)];
  if (gateway.listeners(channelId) !== listeners) throw new Error("listeners were lost during the run");
  const best = (way: string) => Math.min(...spent[way]!);
  for (const way of Object.keys(ways))
    console.log(
      `${way.padEnd(8)} ${best(way).toFixed(2)} µs CPU per delivery, ${(best(way) / best("floor")).toFixed(2)} × floor`,
    );
  console.log(
    `${listeners} listeners, ${perSecond} messages/s of 200 bytes, best of ${ROUNDS} × ${seconds} s`,
  );
  bare.close();
  child.kill();
  await stage.close();
  redis.kill();
  process.exit(0);
}

async function tell(child: ChildProcess, order: object): Promise<void> {
  child.send(order);
  await once(child, "message");
}

async function cpuPerDelivery(send: () => void): Promise<number> {
  const total = Math.round(perSecond * seconds);
  const before = process.cpuUsage();
  for (let sent = 0; sent < total; sent++) {
    send();
    await pause(1_000 / perSecond);
  }
  await pause(200);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (total * listeners);
}

/** As many raw TCP connections, read by a process of their own. */
async function bareSockets(): Promise<{ sockets: TcpSocket[]; close(): void }> {
  const sockets: TcpSocket[] = [];
  const server: Server = createServer();
  server.on("connection", (tcp) => sockets.push(tcp));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const script = `for (let i = 0; i < ${listeners}; i++) require("net").connect(${port}, "127.0.0.1").resume()`;
  const { spawn } = await import("node:child_process");
  const reader = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
  while (sockets.length < listeners) await pause(20);
  return {
    sockets,
    close() {
      reader.kill();
      server.closeAllConnections();
      server.close();
    },
  };
}
