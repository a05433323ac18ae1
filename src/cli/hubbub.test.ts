import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

// Each test starts processes, and a busy machine is slow at that.
vi.setConfig({ testTimeout: 60_000 });

const TOKEN = "an-admin-token-of-thirty-two-chars";
const NODE = {
  pid: 1,
  roles: ["gateway", "actors"],
  draining: false,
  shards: 0,
  utilisation: 0,
  lagMs: 0,
  load: 0,
  unflushedEvents: 0,
  unflushedAgeMs: 0,
  version: "0.2.0",
  startedAtMs: 1,
};
const STATUS = {
  atMs: 1_000,
  nodes: [
    {
      ...NODE,
      id: "node-1.b",
      name: "node-1",
      pid: 2,
      url: "http://h:3001",
      metricsUrl: "http://h:9465",
      leaseAgeMs: 400,
      draining: true,
    },
    {
      ...NODE,
      id: "node-0.a",
      name: "node-0",
      url: "http://h:3000",
      metricsUrl: "http://h:9464",
      leaseAgeMs: 1_200,
      shards: 256,
      utilisation: 0.42,
      load: 1_234.5,
      traffic: { connections: 12, messagesPerSecond: 3.5, deliveriesPerSecond: 40 },
    },
  ],
  leader: "node-0.a",
  shards: { count: 256, moving: 0, unserved: 0 },
  log: { unflushedEvents: 7, unflushedAgeMs: 1_500 },
};
const SHARDS = [
  { shard: 0, owner: "node-0.a", served: true, epoch: 3, channels: 2, load: 12 },
  { shard: 1, owner: "node-0.a", to: "node-1.b", served: true, epoch: 4, channels: 0, load: 0 },
  { shard: 2, served: false },
];
const MOVES = [
  { shard: 7, from: "node-0.a", to: "node-1.b", reason: "balance", load: 12, why: "node-0 carries 40 more" },
];
const CHANNEL = { id: "c", shard: 7, owner: "node-0.a", epoch: 3, seq: 12, mailbox: 0, listeners: 4 };

let server: Server;
/** Questions to which the server gave no answer at first. */
let asked = 0;
let url = "";
let dir = "";

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "hubbub-cli-"));
  server = createServer((request, response) => {
    const answer = (code: number, body: unknown) => response.writeHead(code).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { code: "unauthenticated" });
    switch (`${request.method} ${request.url}`) {
      case "GET /admin/status":
        return answer(200, STATUS);
      case "GET /admin/channels/c%2F1":
        return answer(200, CHANNEL);
      case "GET /admin/channels/moving":
        return answer(200, { id: "moving", shard: 7, listeners: 0 });
      case "GET /admin/shards":
        return answer(200, { shards: SHARDS });
      case "GET /admin/rebalance":
        return answer(200, { moves: MOVES });
      case "POST /admin/rebalance":
        return answer(202, { moves: [] });
      case "POST /admin/shards/7/move":
        return answer(202, { shard: 7, node: "node-1", moving: true });
      case "POST /admin/shards/8/move":
        return answer(503, { code: "unavailable", detail: "No leader answers: try again." });
      case "POST /admin/shards/9/move":
        asked += 1;
        return request.socket.destroy();
      case "GET /admin/channels/cut":
        asked += 1;
        return asked === 1
          ? answer(503, { code: "unavailable", detail: "Redis cannot be reached from this node." })
          : answer(200, CHANNEL);
      case "POST /admin/tokens":
        return answer(200, { token: "a.b.c", userId: "u", username: "ada", expiresAtMs: 3_600_000 });
      case "POST /admin/nodes/node-1/drain":
      case "POST /admin/nodes/node-0/drain":
        return answer(202, { node: "node-1", draining: true });
      default:
        return answer(404, { code: "not_found", detail: "There is no such node." });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

type Said = { code: number; out: string; err: string };

function hubbub(
  args: string[],
  env: Record<string, string> = { HUBBUB_ADMIN_URL: url, HUBBUB_ADMIN_TOKEN: TOKEN },
): Promise<Said> {
  const main = join(import.meta.dirname, "hubbub.ts");
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [main, ...args],
      { env: { PATH: process.env.PATH, HUBBUB_DATA_DIR: dir, ...env } },
      (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      },
    );
  });
}

describe("hubbub", () => {
  it("status: shows what is wrong, nodes by name, the leader, who drains, and what Postgres lacks", async () => {
    const { code, out } = await hubbub(["status"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^• node-1 drains: 0 shards left\.\n/);
    expect(out).toMatch(/node-0 +leader +256 +42 % +1\.2 s +1,235 +12 [^\n]*\n[^\n]*node-1 +draining/);
    expect(out).toContain("7 events wait for Postgres, the oldest for 1.5 s");
  });

  it("status --json: answers what the node answered", async () => {
    expect(JSON.parse((await hubbub(["status", "--json"])).out)).toEqual(STATUS);
  });

  it("channel: asks for the id as given, whatever is in it", async () => {
    expect(JSON.parse((await hubbub(["channel", "c/1", "--json"])).out)).toEqual(CHANNEL);
    expect((await hubbub(["channel", "c/1"])).out).toMatch(/7 +node-0\.a +3 +12 +0 +4/);
  });

  it("drain: says that it has begun, and a refusal in the node's words with code 1", async () => {
    expect(await hubbub(["drain", "node-1"])).toMatchObject({
      code: 0,
      out: expect.stringContaining("node-1 drains"),
    });
    expect(await hubbub(["drain", "nope"])).toMatchObject({
      code: 1,
      out: "",
      err: "There is no such node.\n",
    });
  });

  it("drain: refuses the last node that takes shards, unless it is forced", async () => {
    expect(await hubbub(["drain", "node-0"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("node-0 is the only node that takes shards"),
    });
    expect((await hubbub(["drain", "node-0", "--force"])).code).toBe(0);
  });

  it("shards: shows who serves what, what is on its way, and what nobody serves", async () => {
    const { out } = await hubbub(["shards"]);
    expect(out).toMatch(
      /0 +node-0 +served +3 +2 +12\n +1 +node-0 +to node-1 +4 +0 +0\n +2 +\(nobody\) +not served/,
    );
    expect(out).toMatch(/node-0 +2 +2 +12\n/);
    expect(out).toContain("3 shards; 1 on the move; 1 served by nobody");
    expect(JSON.parse((await hubbub(["shards", "--json"])).out)).toEqual(SHARDS);
  });

  it("move: says that it has begun; with 69 that it cannot just now; refuses what is no number", async () => {
    expect((await hubbub(["move", "7", "node-1"])).out).toMatch(/^Shard 7 moves to node-1;/);
    expect(await hubbub(["move", "8", "node-1"])).toMatchObject({
      code: 69,
      err: "No leader answers: try again.\n",
    });
    expect(await hubbub(["move", "x", "node-1"])).toMatchObject({
      code: 2,
      err: expect.stringContaining('"hubbub shards" lists them'),
    });
  });

  it("rebalance: plans without a change, with the reason of each move, and says when nothing moves", async () => {
    const plan = await hubbub(["rebalance", "--plan"]);
    expect(plan.out).toMatch(/7 +node-0 +node-1 +12 +node-0 carries 40 more\n/);
    expect(plan.out).toContain("1 move in all; nothing was changed");
    expect((await hubbub(["rebalance"])).out).toBe("Nothing moves: every node has its share.\n");
    expect(JSON.parse((await hubbub(["rebalance", "--plan", "--json"])).out)).toEqual(MOVES);
  });

  it("token: prints the token alone on stdout, so that a script can take it", async () => {
    const { out, err } = await hubbub(["token", "ada"]);
    expect(out).toBe("a.b.c\n");
    expect(err).toMatch(/^It is ada's \(u\) until 01:00:00Z/);
  });

  it("load: refuses fewer sockets than channels, and figures out of bounds", async () => {
    expect(await hubbub(["load", "--sockets", "5", "--channels", "6"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("5 sockets cannot listen to 6 channels"),
    });
    expect(await hubbub(["load", "--rate", "1e9"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("whole number from 1 to 10000"),
    });
  });

  it("channel: says that there is none, and shows what is not known while nobody serves its shard", async () => {
    expect(await hubbub(["channel", "nope"])).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^There is no channel nope: [^\n]+\n$/),
    });
    expect((await hubbub(["channel", "moving"])).out).toMatch(/7 +\(nobody\) +- +- +- +0/);
  });

  it("finds the cluster in the data folder, and goes on to the next node when one does not answer", async () => {
    const metricsUrls = ["http://127.0.0.1:1", url];
    writeFileSync(join(dir, "cluster.json"), JSON.stringify({ metricsUrls, adminToken: TOKEN }));
    expect(JSON.parse((await hubbub(["status", "--json"], {})).out)).toEqual(STATUS);
    rmSync(join(dir, "cluster.json"));
    expect(await hubbub(["status"], {})).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^No cluster runs from .*: run npm start.*\n$/),
    });
  });

  it("does not wait for a node that hangs while another answers", async () => {
    const hanging = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => hanging.once("listening", resolve));
    const first = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const env = { HUBBUB_ADMIN_URL: `${first},${url}`, HUBBUB_ADMIN_TOKEN: TOKEN };
    const { code, out } = await hubbub(["status", "--json"], env);
    expect([code, JSON.parse(out)]).toEqual([0, STATUS]);
    hanging.closeAllConnections();
    await new Promise((resolve) => hanging.close(resolve));
  });

  it("asks the next node what one cannot tell, and never repeats a write that may have been heard", async () => {
    const both = { HUBBUB_ADMIN_URL: `${url},${url}/`, HUBBUB_ADMIN_TOKEN: TOKEN };
    asked = 0;
    expect((await hubbub(["channel", "cut"], both)).code).toBe(0);
    expect(asked).toBe(2);
    asked = 0;
    expect(await hubbub(["move", "9", "node-1"], both)).toMatchObject({
      code: 69,
      err: expect.stringMatching(/may be under way: look with "hubbub status"/),
    });
    expect(asked).toBe(1);
  });

  it.each([
    [
      { HUBBUB_ADMIN_URL: "http://127.0.0.1:2, http://localhost:3", HUBBUB_ADMIN_TOKEN: TOKEN },
      69,
      "No node answers (http://127.0.0.1:2: nobody listens there; http://localhost:3: ",
    ],
    [{ HUBBUB_ADMIN_URL: "http://127.0.0.1:1" }, 1, "HUBBUB_ADMIN_TOKEN is not"],
    [{ HUBBUB_ADMIN_URL: "nonsense", HUBBUB_ADMIN_TOKEN: TOKEN }, 1, "HUBBUB_ADMIN_URL is no URL"],
  ])("says in one line what to do with %j", async (env, exitCode, message) => {
    const { code, err } = await hubbub(["status"], env);
    expect({ code, lines: err.trimEnd().split("\n").length }).toEqual({ code: exitCode, lines: 1 });
    expect(err).toContain(message);
  });

  it("says which token was refused", async () => {
    expect((await hubbub(["status"], { HUBBUB_ADMIN_URL: url, HUBBUB_ADMIN_TOKEN: "wrong" })).err).toContain(
      "refuses the admin token",
    );
  });

  it("tells the exit codes, and ends with 2 where the command line is wrong", async () => {
    const help = await hubbub(["--help"]);
    expect([help.code, help.out]).toEqual([0, expect.stringContaining("69  nobody answers")]);
    expect(await hubbub(["frobnicate"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("unknown command"),
    });
    expect((await hubbub(["move", "7"])).code).toBe(2);
  });

  it("migrate: refuses without DATABASE_URL, and with one where nobody is", async () => {
    expect((await hubbub(["migrate"], {})).err).toContain("DATABASE_URL is not set");
    expect((await hubbub(["migrate"], { DATABASE_URL: "postgres://127.0.0.1:1/x" })).err).toContain(
      "ECONNREFUSED",
    );
  });

  it("config --json: lists every setting without its secret", async () => {
    const settings = JSON.parse((await hubbub(["config", "--json"])).out);
    expect(settings.find(({ env }: { env: string }) => env === "HUBBUB_ADMIN_TOKEN")).toMatchObject({
      value: "(secret)",
      from: "environment",
    });
  });
});
