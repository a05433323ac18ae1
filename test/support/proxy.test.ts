import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestProxy } from "./proxy.ts";

let server: Server;
let proxy: TestProxy;
let served: Socket[];
const opened: Socket[] = [];

/** Says everything back. */
beforeEach(async () => {
  served = [];
  server = createServer((socket) => {
    served.push(socket);
    socket.on("error", () => {});
    socket.on("data", (piece) => socket.write(piece));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  proxy = await TestProxy.before({ host: "127.0.0.1", port: (server.address() as { port: number }).port });
});
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
  proxy.close();
  server.close();
});

async function open(): Promise<{
  socket: Socket;
  heard: Buffer[];
  text: () => string;
  closed: () => boolean;
}> {
  const socket = connect(proxy.port, "127.0.0.1");
  opened.push(socket);
  const heard: Buffer[] = [];
  let closed = false;
  socket.on("data", (piece: Buffer) => heard.push(piece));
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
  });
  // One that is refused may be reset before it has seen itself stand.
  await Promise.race([once(socket, "connect"), once(socket, "close")]).catch(() => {});
  return { socket, heard, text: () => Buffer.concat(heard).toString(), closed: () => closed };
}

async function afterTurns(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

describe("a proxy", () => {
  it("passes everything both ways when it is calm", async () => {
    const { socket, text } = await open();
    socket.write("hello");
    await expect.poll(text).toBe("hello");
    expect(proxy.via("redis://localhost:6379/0?a=b")).toBe(`redis://127.0.0.1:${proxy.port}/0?a=b`);
  });

  it("holds one way without losing anything, and lets it go when it is calm again", async () => {
    const { socket, text } = await open();
    proxy.change({ held: ["down"] });
    socket.write("held");
    await expect.poll(() => served[0]?.bytesRead).toBe(4);
    await afterTurns(60);
    expect(text()).toBe("");
    proxy.calm();
    await expect.poll(text).toBe("held");
  });

  it("swallows what goes one way", async () => {
    const { socket, text } = await open();
    proxy.change({ swallowed: ["down"] });
    socket.write("lost");
    await expect.poll(() => served[0]?.bytesRead).toBe(4);
    await afterTurns(60);
    proxy.calm();
    socket.write("heard");
    await expect.poll(text).toBe("heard");
  });

  it("takes its time", async () => {
    const { socket, text } = await open();
    proxy.change({ delayMs: 50 });
    const sentAtMs = performance.now();
    socket.write("late");
    await expect.poll(text).toBe("late");
    expect(performance.now() - sentAtMs).toBeGreaterThanOrEqual(95);
  });

  it("passes no more than so many bytes a second", async () => {
    const { socket, text } = await open();
    proxy.change({ bytesPerSecond: 1_000 });
    const sentAtMs = performance.now();
    socket.write("x".repeat(300));
    await expect.poll(() => text().length, { timeout: 5_000 }).toBe(300);
    expect(performance.now() - sentAtMs).toBeGreaterThanOrEqual(300);
  });

  it("gives one byte at a time", async () => {
    const { socket, text, heard } = await open();
    proxy.change({ dripBytes: 100 });
    socket.write("drop by drop");
    await expect.poll(text).toBe("drop by drop");
    expect(heard.length).toBeGreaterThan(3);
  });

  it("resets every connection, and refuses new ones while it is told to", async () => {
    const { closed } = await open();
    proxy.change({ refused: true });
    proxy.reset();
    await expect.poll(closed).toBe(true);
    const next = await open();
    await expect.poll(next.closed).toBe(true);
    proxy.calm();
    const last = await open();
    last.socket.write("again");
    await expect.poll(last.text).toBe("again");
  });

  it("tears a connection inside a piece", async () => {
    const { socket, text, closed } = await open();
    proxy.tearFrames();
    socket.write("12345678");
    await expect.poll(closed).toBe(true);
    expect("12345678".startsWith(text())).toBe(true);
    expect(text().length).toBeLessThan(8);
  });

  it("leaves a client with half a connection: the server's end is gone, its own stands and is silent", async () => {
    const { socket, text, closed } = await open();
    await expect.poll(() => served.length).toBe(1);
    proxy.halfOpen();
    await expect.poll(() => served[0]!.closed).toBe(true);
    socket.write("anybody?");
    await afterTurns(60);
    expect([text(), closed()]).toEqual(["", false]);
  });

  it("changes the weather of some connections only", async () => {
    const clients = [await open(), await open()];
    await expect.poll(() => proxy.connections).toBe(2);
    proxy.changeSome(2, { held: ["down"] });
    for (const { socket } of clients) socket.write("x");
    await expect.poll(clients[1]!.text).toBe("x");
    await afterTurns(60);
    expect(clients[0]!.text()).toBe("");
  });
});
