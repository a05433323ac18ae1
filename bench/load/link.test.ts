import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type LinkEvents, rawLink } from "./link.ts";
import { openNodeSocket } from "./node-socket.ts";

/** The frames by hand against the real thing: a bare Socket.IO server, none of ours. */
describe("a link over hand-written frames", () => {
  const http = createServer();
  const io = new Server(http, { pingInterval: 100, pingTimeout: 100, serveClient: false });
  let url = "";

  beforeAll(async () => {
    io.use((socket, next) => {
      if (socket.handshake.auth.token === "good") next();
      else next(Object.assign(new Error("no"), { data: { code: "unauthenticated", retry: "never" } }));
    });
    io.on("connection", (socket: Socket) => {
      socket.emit("session:ready", { auth: socket.handshake.auth });
      socket.onAny((name: string, payload: object, answer: (said: object) => void) => {
        if (name === "channel:close") socket.disconnect(true);
        else answer({ ok: true, name, payload, text: 'a "quoted" [bracket] ü' });
      });
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });
  afterAll(() => io.close());

  const open = (token: string, on: Partial<LinkEvents>) =>
    rawLink(openNodeSocket)(
      url,
      { token, protocol: 1, resume: { c: [3, 1] } },
      { event() {}, refused() {}, closed() {}, ...on },
    );

  it("brings the handshake's auth, and events to the client", async () => {
    const heard = await new Promise<unknown>((resolve) => {
      const link = open("good", {
        event(name, payload) {
          resolve([name, payload]);
          link.close();
        },
      });
    });
    expect(heard).toEqual(["session:ready", { auth: { token: "good", protocol: 1, resume: { c: [3, 1] } } }]);
  });

  it("matches answers with requests, side by side", async () => {
    const answers = await new Promise<unknown[]>((resolve) => {
      const got: unknown[] = [];
      const take = (answer: unknown) => {
        if (got.push(answer) === 2) resolve(got);
      };
      const link = open("good", {
        event() {
          link.emit("health:check", {}, take);
          link.emit("channel:open", { channelId: "c" }, take);
        },
      });
    });
    expect(answers).toMatchObject([
      { name: "health:check" },
      { name: "channel:open", payload: { channelId: "c" }, text: 'a "quoted" [bracket] ü' },
    ]);
  });

  it("hands over the refusal of a handshake", async () => {
    const error = await new Promise<unknown>((resolve) => open("bad", { refused: resolve }));
    expect(error).toEqual({ code: "unauthenticated", retry: "never" });
  });

  it("says once that the server has closed it", async () => {
    const reasons: string[] = [];
    await new Promise<void>((resolve) => {
      const link = open("good", {
        event: () => link.emit("channel:close", {}, () => {}),
        closed(reason) {
          reasons.push(reason);
          resolve();
        },
      });
    });
    expect(reasons).toHaveLength(1);
  });

  it("answers pings: it outlives several heartbeats", async () => {
    const reasons: string[] = [];
    const link = open("good", { closed: (reason) => reasons.push(reason) });
    await expect.poll(() => io.engine.clientsCount).toBeGreaterThan(0);
    const pings = await new Promise<number>((resolve) => {
      let seen = 0;
      const [socket] = [...io.sockets.sockets.values()].slice(-1);
      socket!.conn.on("heartbeat", () => {
        if (++seen === 4) resolve(seen);
      });
    });
    expect(pings).toBe(4);
    expect(reasons).toEqual([]);
    link.close();
  });
});
