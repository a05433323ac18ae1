/**
 * Every atomic step that placement takes in Redis. Writes are scripts flagged `allow-oom`, so that a full Redis can still
 * change owners (rule L6). All keys carry one tag. Each rejects when Redis does not answer in time or says no.
 */
import { LEASE_TTL_MS } from "../lib/lease.ts";
import type { ClusterKeys } from "./keys.ts";
import type { RedisClient } from "./redis.ts";

/** For how long it is remembered that an incarnation stopped on purpose. A cluster restarted later waits one lease time. */
const LEFT_TTL_MS = 86_400_000;

/** Redis's time (Unix ms) and the id of its process, as it answered. */
export type Pulse = { redisMs: number; runId: string };

const PULSE = `
local function pulse(first, second)
  local t = redis.call('TIME')
  return {first, second, t[1], t[2], string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')}
end`;

/** KEYS node, nodes. ARGV ttl, incarnation, then fields and values. Answers 1 when the lease was still there. */
const RENEW = `#!lua flags=allow-oom
${PULSE}
local stood = redis.call('EXISTS', KEYS[1])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return pulse(stood, '')`;

/** KEYS node, left. ARGV incarnation, ttl. It stays listed until a leader has told everyone. */
const LEAVE = `#!lua flags=allow-oom
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1`;

/** KEYS nodes. ARGV prefix of the nodes' keys. Answers those that are listed and have no lease. */
const LAPSED = `#!lua flags=no-writes
local found = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. id) == 0 then found[#found + 1] = id end
end
return found`;

/** KEYS node, nodes. ARGV incarnation. Answers 1 when the node had no lease, and was listed until now. */
const UNLIST = `#!lua flags=allow-oom
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
return redis.call('SREM', KEYS[2], ARGV[1])`;

/**
 * KEYS leader, placement. ARGV incarnation, ttl, the greatest leader's epoch that the candidate has seen.
 * Answers the candidate's epoch when it leads now, else 0 and the leader. A new reign shows in the table at once, so that
 * a former leader's write is refused even if this key is lost.
 */
const ELECT = `#!lua flags=allow-oom
${PULSE}
local held = redis.call('GET', KEYS[1])
if held then
  local id, epoch = string.match(held, '^(%S+) (%d+)$')
  if id ~= ARGV[1] then return pulse(0, id) end
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return pulse(tonumber(epoch), id)
end
local known = tonumber(redis.call('HGET', KEYS[2], 'leaderEpoch') or '0')
local epoch = math.max(known, tonumber(ARGV[3])) + 1
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. epoch, 'PX', ARGV[2])
redis.call('HSET', KEYS[2], 'leaderEpoch', epoch)
return pulse(epoch, ARGV[1])`;

/** KEYS leader. ARGV incarnation. Answers 1 when it led. */
const RESIGN = `#!lua flags=allow-oom
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^(%S+) ') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * KEYS leader, placement. ARGV incarnation, leader's epoch, new version, channel, then shard and row, … Answers 1 when
 * written; 0: another leads, or the table is not older than the new version.
 */
const WRITE_TABLE = `#!lua flags=allow-oom
if redis.call('GET', KEYS[1]) ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
if tonumber(redis.call('HGET', KEYS[2], 'leaderEpoch') or '0') > tonumber(ARGV[2]) then return 0 end
if tonumber(redis.call('HGET', KEYS[2], 'version') or '0') >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[2], 'leaderEpoch', ARGV[2], 'version', ARGV[3], unpack(ARGV, 5))
redis.call('PUBLISH', ARGV[4], ARGV[3])
return 1`;

/** KEYS nodes. ARGV prefix of the nodes' keys. Answers a list of (incarnation, remaining ms, fields and values). */
const READ_NODES = `#!lua flags=no-writes
local found = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local fields = redis.call('HGETALL', ARGV[1] .. id)
  if #fields > 0 then found[#found + 1] = {id, redis.call('PTTL', ARGV[1] .. id), fields} end
end
return found`;

/**
 * KEYS cluster, placement. ARGV lowest level that is let in, level, channel. Neither is ever lowered. A new level is announced as
 * no version: whoever hears it reads the table.
 */
const RAISE = `#!lua flags=allow-oom
local function raise(key, field, to)
  if tonumber(redis.call('HGET', key, field) or '0') >= tonumber(to) then return false end
  redis.call('HSET', key, field, to)
  return true
end
raise(KEYS[1], 'protocol', ARGV[1])
if raise(KEYS[2], 'level', ARGV[2]) then redis.call('PUBLISH', ARGV[3], 'level') end
return 1`;

/** KEYS cluster. ARGV field, value, … Sets what is absent and answers the whole hash. */
const AGREE = `#!lua flags=allow-oom
for i = 1, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
return redis.call('HGETALL', KEYS[1])`;

export type NodeFields = { id: string; remainingMs: number; fields: Record<string, string> };

export class Control {
  readonly #redis: RedisClient;
  readonly #keys: ClusterKeys;

  constructor(redis: RedisClient, keys: ClusterKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Takes or renews the node's lease. `stood`: it had not run out. */
  async renew(incarnation: string, fields: Record<string, string>): Promise<Pulse & { stood: boolean }> {
    const { node, nodes } = this.#keys;
    const flat = Object.entries(fields).flat();
    const reply = await this.#eval(RENEW, [node(incarnation), nodes], [LEASE_TTL_MS, incarnation, ...flat]);
    return { stood: pulseOf(reply).first === 1, ...pulseOf(reply).pulse };
  }

  /** Gives the lease back for ever: this incarnation's shards are free. */
  async leave(incarnation: string): Promise<void> {
    const { node, left } = this.#keys;
    await this.#eval(LEAVE, [node(incarnation), left(incarnation)], [incarnation, LEFT_TTL_MS]);
  }

  /** Those of the incarnations that stopped on purpose. */
  async leavers(incarnations: readonly string[]): Promise<string[]> {
    const found = await Promise.all(incarnations.map((id) => this.#redis.exists(this.#keys.left(id))));
    return incarnations.filter((_, i) => found[i] === 1);
  }

  /** Tries for the leader's key, or renews it. `epoch` 0: another leads. */
  async elect(incarnation: string, seenEpoch: number): Promise<Pulse & { epoch: number; leader: string }> {
    const { leader, placement } = this.#keys;
    const reply = await this.#eval(ELECT, [leader, placement], [incarnation, LEASE_TTL_MS, seenEpoch]);
    const { first, second, pulse } = pulseOf(reply);
    return { epoch: first, leader: second, ...pulse };
  }

  /** Deletes the leader's key if it is ours. */
  async resign(incarnation: string): Promise<void> {
    await this.#eval(RESIGN, [this.#keys.leader], [incarnation]);
  }

  async leader(): Promise<string | undefined> {
    return (await this.#redis.get(this.#keys.leader))?.split(" ")[0];
  }

  /** Writes rows under a new version and announces it. False: we lead no more, or the table has moved on. */
  async writeTable(
    by: { incarnation: string; epoch: number },
    version: number,
    rows: ReadonlyMap<number, string>,
  ): Promise<boolean> {
    const { leader, placement, announcements } = this.#keys;
    const args = [by.incarnation, by.epoch, version, announcements, ...[...rows].flat()];
    return (await this.#eval(WRITE_TABLE, [leader, placement], args)) === 1;
  }

  readTable(): Promise<Record<string, string>> {
    return this.#redis.hgetall(this.#keys.placement);
  }

  /** Every node that has a lease, by incarnation. */
  async readNodes(): Promise<NodeFields[]> {
    const found = (await this.#eval(READ_NODES, [this.#keys.nodes], [this.#keys.nodePrefix])) as [
      string,
      number,
      string[],
    ][];
    return found
      .map(([id, remainingMs, flat]) => ({ id, remainingMs, fields: fieldsOf(flat) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Those that had a lease and have none now, until they are taken off the list. */
  async lapsed(): Promise<string[]> {
    const { nodes, nodePrefix } = this.#keys;
    return (await this.#eval(LAPSED, [nodes], [nodePrefix])) as string[];
  }

  /** Takes a node that has no lease off the list. False: it has one again, or another leader was faster. */
  async unlist(incarnation: string): Promise<boolean> {
    const { node, nodes } = this.#keys;
    return (await this.#eval(UNLIST, [node(incarnation), nodes], [incarnation])) === 1;
  }

  /** Writes the cluster's record where Redis lacks it, and answers what stands there. */
  async agree(record: Record<string, string>): Promise<Record<string, string>> {
    return fieldsOf(
      (await this.#eval(AGREE, [this.#keys.cluster], Object.entries(record).flat())) as string[],
    );
  }

  /** Lets in who knows `protocol` at least, and tells everyone that the cluster is at `level` (rule E7). */
  async raise(protocol: number, level: number): Promise<void> {
    const { cluster, placement, announcements } = this.#keys;
    await this.#eval(RAISE, [cluster, placement], [protocol, level, announcements]);
  }

  /** Redis's own time. */
  async time(): Promise<number> {
    return timeMs(await this.#redis.time());
  }

  #eval(script: string, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    return this.#redis.eval(script, keys.length, ...keys, ...args);
  }
}

function pulseOf(reply: unknown): { first: number; second: string; pulse: Pulse } {
  const [first, second, seconds, micros, runId] = reply as [number, string, string, string, string];
  return { first, second, pulse: { redisMs: timeMs([seconds, micros]), runId } };
}

function timeMs([seconds, micros]: readonly (string | number)[]): number {
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

function fieldsOf(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) fields[flat[i]!] = flat[i + 1]!;
  return fields;
}
