/** Row O3: every verb of the command line against a live cluster, through any of its nodes. */
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { LoadResult } from "../../bench/load/generate.ts";
import type { ChannelStatus, ClusterStatus, PlannedMove, ShardStatus } from "../../src/ports.ts";
import { stopAudited } from "../support/audit.ts";
import { startCluster, type TestCluster } from "../support/cluster.ts";
import { channelOf, get, people } from "./people.ts";

const HUBBUB = join(import.meta.dirname, "..", "..", "src", "cli", "hubbub.ts");
/** Of a move or a drain, on a machine that many share. */
const SETTLED = { timeout: 30_000, interval: 200 };

type Said = { code: number; out: string; err: string };

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 3 });
});
afterAll(() => stopAudited(cluster));

function environment(): Record<string, string | undefined> {
  return {
    PATH: process.env.PATH,
    HUBBUB_ADMIN_URL: cluster.nodes.map(({ metricsUrl }) => metricsUrl).join(","),
    HUBBUB_ADMIN_TOKEN: cluster.adminToken,
    REDIS_URL: cluster.redis.url,
    DATABASE_URL: cluster.databaseUrl,
  };
}

function hubbub(args: string[], env: Record<string, string> = {}): Promise<Said> {
  return new Promise((resolve) => {
    execFile(process.execPath, [HUBBUB, ...args], { env: { ...environment(), ...env } }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

async function asked<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await hubbub([...args, "--json"]);
  if (code !== 0) throw new Error(`hubbub ${args.join(" ")} ended with ${code}: ${err}`);
  return JSON.parse(out) as T;
}

async function shardAt(shard: number): Promise<ShardStatus | undefined> {
  return (await asked<ShardStatus[]>("shards")).find((one) => one.shard === shard);
}

it("row O3: status, shards and channel show the cluster as it stands", async () => {
  const ids = cluster.nodes.map(({ id }) => id).sort();
  const status = () => asked<ClusterStatus>("status");
  await expect.poll(async () => (await status()).nodes.every(({ traffic }) => traffic), SETTLED).toBe(true);
  const { nodes, leader, shards } = await status();
  expect(nodes.map(({ id }) => id).sort()).toEqual(ids);
  expect(ids).toContain(leader);
  expect(shards).toMatchObject({ count: 256, unserved: 0 });
  expect(nodes.reduce((sum, node) => sum + node.shards, 0) + shards.moving).toBeGreaterThanOrEqual(256);
  await expect
    .poll(async () => (await asked<ShardStatus[]>("shards")).filter(({ served }) => served).length, SETTLED)
    .toBe(256);
  const [ann] = await people(cluster.nodes, 1);
  const channelId = await channelOf(cluster.nodes[0]!, ann!, []);
  const channel = await asked<ChannelStatus>("channel", channelId);
  const shard = await shardAt(channel.shard);
  expect(shard).toMatchObject({ owner: channel.owner, epoch: channel.epoch, served: true });
  expect(shard?.channels).toBeGreaterThan(0);
});

it("row O3: move hands one shard over, and leaves it there", async () => {
  await expect.poll(() => asked<PlannedMove[]>("rebalance", "--plan"), SETTLED).toEqual([]);
  await expect.poll(async () => (await asked<ClusterStatus>("status")).shards.moving, SETTLED).toBe(0);
  const [{ shard, owner, epoch } = expect.fail("no shards")] = await asked<ShardStatus[]>("shards");
  const to = cluster.nodes.find(({ id }) => id !== owner)!;
  expect((await hubbub(["move", String(shard), to.name])).out).toContain(
    `Shard ${shard} moves to ${to.name}`,
  );
  await expect.poll(() => shardAt(shard), SETTLED).toMatchObject({ owner: to.id, served: true });
  expect((await shardAt(shard))!.epoch).toBeGreaterThan(epoch!);
  expect((await hubbub(["move", String(shard), to.id])).out).toContain("already");
  expect(cluster.logTails(200)).toMatch(/"audit":true.*"act":"move","outcome":"done","shard":0/);
});

it("row O3: rebalance says what would move and why, and moves it", async () => {
  const plan = await asked<PlannedMove[]>("rebalance", "--plan");
  for (const { why } of plan) expect(why).not.toBe("");
  const made = await asked<PlannedMove[]>("rebalance");
  expect(made.length).toBeLessThanOrEqual(256);
  await expect.poll(async () => (await asked<ClusterStatus>("status")).shards.moving, SETTLED).toBe(0);
  expect(cluster.logTails(200)).toMatch(/"act":"rebalance","outcome":"done","moves":\d/);
});

it("row O3: token lends a person's token, which is audited and not logged", async () => {
  const [ann] = await people(cluster.nodes, 1);
  const { out, err } = await hubbub(["token", ann!.id]);
  const token = out.trim();
  const me = await get<{ user: { id: string; username: string } }>(cluster.nodes[1]!, "/users/me", {
    ...ann!,
    token,
  });
  expect(me.user.id).toBe(ann!.id);
  expect(err).toContain(me.user.username);
  const log = cluster.logTails(200);
  expect(log).toMatch(new RegExp(`"act":"token","outcome":"done","user":"${ann!.id}"`));
  expect(log).not.toContain(token);
});

it("row O3: load drives messages through all nodes, and says how they fared", async () => {
  const options = ["--sockets", "6", "--channels", "3", "--rate", "20", "--seconds", "2"];
  const { result } = await asked<{ result: LoadResult }>("load", ...options);
  expect(result).toMatchObject({ sent: 40, acked: 40, expected: 80, delivered: 80 });
});

it("row O3: doctor, config and migrate look at the cluster's own stores", async () => {
  const [doctor, config, migrated] = await Promise.all([
    hubbub(["doctor", "--json"]),
    asked<{ env: string; from: string }[]>("config"),
    asked<object>("migrate"),
  ]);
  const found = (JSON.parse(doctor.out) as { about: string }[]).map(({ about }) => about).join("\n");
  for (const about of ["policy", "version", "clock", "Postgres durability", "open files"])
    expect(found).toContain(about);
  expect(config).toContainEqual(expect.objectContaining({ env: "DATABASE_URL", from: "environment" }));
  expect(migrated).toEqual({ upToDate: true });
});

it("row O3: refusals say what to do", async () => {
  const [node, shard, person, token] = await Promise.all([
    hubbub(["drain", "node-9"]),
    hubbub(["move", "999", "node-0"]),
    hubbub(["token", "nobody_of_that_name"]),
    hubbub(["status"], { HUBBUB_ADMIN_TOKEN: "a token of another cluster" }),
  ]);
  expect(node).toMatchObject({ code: 1, out: "" });
  expect(node.err).toBe('No node "node-9" is in the cluster: there are node-0, node-1, node-2.\n');
  expect(shard).toMatchObject({ code: 1, err: "There is no shard 999: they are 0 to 255.\n" });
  expect(person.err).toContain('There is no person "nobody_of_that_name"');
  expect(token.err).toContain("refuses the admin token");
});

it("row O3: drain empties a node and ends it, and status --watch tells the story", async () => {
  const leaving = cluster.nodes[2]!;
  const watching = spawn(process.execPath, [HUBBUB, "status", "--watch"], { env: environment() });
  let pages = "";
  watching.stdout.setEncoding("utf8").on("data", (text: string) => {
    pages += text;
  });
  try {
    await expect.poll(() => pages, SETTLED).toContain("3 nodes, led by");
    await expect.poll(() => pages, SETTLED).toContain("256 served, 0 moving");
    expect((await hubbub(["drain", leaving.name])).out).toContain(`${leaving.name} drains`);
    expect(await leaving.exited).toEqual({ code: 0, signal: null });
    await expect.poll(() => pages, SETTLED).toContain(`${leaving.name} has left`);
    await expect.poll(() => pages, SETTLED).toMatch(/shards moved: .*node-2 \d+ → 0/);
  } finally {
    watching.kill();
  }
  expect((await asked<ClusterStatus>("status")).nodes).toHaveLength(2);
  expect(cluster.logTails(400)).toMatch(/"act":"drain","outcome":"done","node":"node-2"/);
});
