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
const STATUS = {
  nodes: [
    {
      id: "node-1.b",
      name: "node-1",
      pid: 2,
      url: "http://h:3001",
      metricsUrl: "http://h:9465",
      roles: ["gateway"],
      leaseAgeMs: 400,
      draining: true,
      shards: 0,
      utilisation: 0,
    },
    {
      id: "node-0.a",
      name: "node-0",
      pid: 1,
      url: "http://h:3000",
      metricsUrl: "http://h:9464",
      roles: ["gateway"],
      leaseAgeMs: 1_200,
      draining: false,
      shards: 256,
      utilisation: 0.42,
    },
  ],
  leader: "node-0.a",
  log: { unflushedEvents: 7, unflushedAgeMs: 1_500 },
};
const CHANNEL = { id: "c", shard: 7, owner: "node-0.a", epoch: 3, seq: 12, mailbox: 0, listeners: 4 };

let server: Server;
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
      case "POST /admin/nodes/node-1/drain":
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
  it("status: shows nodes by name, the leader, who drains, and what Postgres lacks", async () => {
    const { code, out } = await hubbub(["status"]);
    expect(code).toBe(0);
    expect(out).toMatch(/node-0 +leader +256 +42 % +1\.2 s[^\n]*\n[^\n]*node-1 +draining/);
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
      err: 'No node nope is in the cluster: "hubbub status" lists names and ids.\n',
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

  it.each([
    [
      { HUBBUB_ADMIN_URL: "http://127.0.0.1:1", HUBBUB_ADMIN_TOKEN: TOKEN },
      "No node answers at http://127.0.0.1:1",
    ],
    [{ HUBBUB_ADMIN_URL: "http://127.0.0.1:1" }, "HUBBUB_ADMIN_TOKEN is not"],
    [{ HUBBUB_ADMIN_URL: "nonsense", HUBBUB_ADMIN_TOKEN: TOKEN }, "HUBBUB_ADMIN_URL is no URL"],
  ])("says in one line what to do with %j", async (env, message) => {
    const { code, err } = await hubbub(["status"], env);
    expect({ code, lines: err.trimEnd().split("\n").length }).toEqual({ code: 1, lines: 1 });
    expect(err).toContain(message);
  });

  it("says which token was refused", async () => {
    expect((await hubbub(["status"], { HUBBUB_ADMIN_URL: url, HUBBUB_ADMIN_TOKEN: "wrong" })).err).toContain(
      "refuses the admin token",
    );
  });

  it("names verbs of a later version, and does not know others", async () => {
    expect(await hubbub(["move", "7", "node-1"])).toMatchObject({
      code: 69,
      err: "hubbub move is not offered by this version.\n",
    });
    expect(await hubbub(["frobnicate"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("unknown command"),
    });
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
