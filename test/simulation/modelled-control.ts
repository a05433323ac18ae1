/** Placement's keys in the modelled Redis: every atomic step of `Control`, as its scripts take it. */
import { Control, type NodeFields, type Pulse } from "../../src/cluster/control.ts";
import type { ClusterKeys } from "../../src/cluster/keys.ts";
import type { ModelledRedis } from "../../src/cluster/log/modelled-log.ts";
import type { RedisClient } from "../../src/cluster/redis.ts";
import { LEASE_TTL_MS } from "../../src/lib/lease.ts";
import type { ModelledClient } from "./modelled-client.ts";

/** As `LEFT_TTL_MS` of `control.ts`. */
const LEFT_TTL_MS = 86_400_000;

type Fields = Readonly<Record<string, string>>;
type Kept = { value: unknown; untilMs: number };

/** What the server keeps beside streams. Values are never changed, only replaced, so that a write can be forgotten. */
export class ModelledKeys {
  readonly redis: ModelledRedis;
  /** Unix milliseconds of the server's clock are the scheduler's and this. */
  skewMs: number;
  readonly #kept = new Map<string, Kept>();

  constructor(redis: ModelledRedis, skewMs: number) {
    this.redis = redis;
    this.skewMs = skewMs;
  }

  timeMs(): number {
    return Math.floor(this.redis.timers.nowMs() + this.skewMs);
  }

  get<T>(key: string): T | undefined {
    const kept = this.#kept.get(key);
    return kept && kept.untilMs > this.redis.timers.nowMs() ? (kept.value as T) : undefined;
  }

  /** What is left of the key's time, milliseconds. */
  leftMs(key: string): number {
    return (this.#kept.get(key)?.untilMs ?? 0) - this.redis.timers.nowMs();
  }

  /** Undefined deletes. */
  set(key: string, value: unknown, ttlMs = Number.POSITIVE_INFINITY): void {
    const before = this.#kept.get(key);
    if (value === undefined) this.#kept.delete(key);
    else this.#kept.set(key, { value, untilMs: this.redis.timers.nowMs() + ttlMs });
    this.redis.wrote(() => {
      if (before) this.#kept.set(key, before);
      else this.#kept.delete(key);
    });
  }

  empty(): void {
    this.#kept.clear();
  }
}

/** One node's `Control`, over a connection that can be cut. */
export class ModelledControl extends Control {
  readonly #client: ModelledClient;
  readonly #names: ClusterKeys;
  readonly #stored: ModelledKeys;

  constructor(client: ModelledClient, keys: ClusterKeys, stored: ModelledKeys) {
    super(client as unknown as RedisClient, keys);
    this.#client = client;
    this.#names = keys;
    this.#stored = stored;
  }

  #pulse(): Pulse {
    return { redisMs: this.#stored.timeMs(), runId: this.#stored.redis.server.runId };
  }

  override renew(incarnation: string, fields: Record<string, string>): Promise<Pulse & { stood: boolean }> {
    const { node, nodes } = this.#names;
    return this.#client.run(() => {
      const stood = this.#stored.get(node(incarnation)) !== undefined;
      this.#stored.set(node(incarnation), { ...fields }, LEASE_TTL_MS);
      this.#stored.set(nodes, [...new Set([...this.#listed(), incarnation])], LEASE_TTL_MS);
      return { stood, ...this.#pulse() };
    });
  }

  #listed(): readonly string[] {
    return this.#stored.get<readonly string[]>(this.#names.nodes) ?? [];
  }

  override leave(incarnation: string): Promise<void> {
    return this.#client.run(() => {
      this.#stored.set(this.#names.node(incarnation), undefined);
      this.#stored.set(this.#names.left(incarnation), "1", LEFT_TTL_MS);
    });
  }

  override leavers(incarnations: readonly string[]): Promise<string[]> {
    return this.#client.run(() =>
      incarnations.filter((id) => this.#stored.get(this.#names.left(id)) !== undefined),
    );
  }

  override elect(incarnation: string, seenEpoch: number): Promise<Pulse & { epoch: number; leader: string }> {
    const { leader, placement } = this.#names;
    return this.#client.run(() => {
      const held = this.#stored.get<{ id: string; epoch: number }>(leader);
      if (held && held.id !== incarnation) return { epoch: 0, leader: held.id, ...this.#pulse() };
      if (held) {
        this.#stored.set(leader, held, LEASE_TTL_MS);
        return { epoch: held.epoch, leader: incarnation, ...this.#pulse() };
      }
      const table = this.#stored.get<Fields>(placement) ?? {};
      const epoch = Math.max(Number(table.leaderEpoch ?? 0), seenEpoch) + 1;
      this.#stored.set(leader, { id: incarnation, epoch }, LEASE_TTL_MS);
      this.#stored.set(placement, { ...table, leaderEpoch: String(epoch) });
      return { epoch, leader: incarnation, ...this.#pulse() };
    });
  }

  override resign(incarnation: string): Promise<void> {
    return this.#client.run(() => {
      if (this.#stored.get<{ id: string }>(this.#names.leader)?.id === incarnation)
        this.#stored.set(this.#names.leader, undefined);
    });
  }

  override leader(): Promise<string | undefined> {
    return this.#client.run(() => this.#stored.get<{ id: string }>(this.#names.leader)?.id);
  }

  override writeTable(
    by: { incarnation: string; epoch: number },
    version: number,
    rows: ReadonlyMap<number, string>,
  ): Promise<boolean> {
    const { leader, placement, announcements } = this.#names;
    return this.#client.run(() => {
      const held = this.#stored.get<{ id: string; epoch: number }>(leader);
      const table = this.#stored.get<Fields>(placement) ?? {};
      if (held?.id !== by.incarnation || held.epoch !== by.epoch) return false;
      if (Number(table.leaderEpoch ?? 0) > by.epoch || Number(table.version ?? 0) >= version) return false;
      const written = Object.fromEntries([...rows].map(([shard, row]) => [String(shard), row]));
      const changed = { leaderEpoch: String(by.epoch), version: String(version), ...written };
      this.#stored.set(placement, { ...table, ...changed });
      this.#client.network.publish(announcements, String(version));
      return true;
    });
  }

  override readTable(): Promise<Record<string, string>> {
    return this.#client.run(() => ({ ...this.#stored.get<Fields>(this.#names.placement) }));
  }

  override readNodes(): Promise<NodeFields[]> {
    const { node } = this.#names;
    return this.#client.run(() =>
      this.#listed()
        .flatMap((id) => {
          const fields = this.#stored.get<Fields>(node(id));
          return fields ? [{ id, remainingMs: this.#stored.leftMs(node(id)), fields: { ...fields } }] : [];
        })
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  }

  override lapsed(): Promise<string[]> {
    return this.#client.run(() =>
      this.#listed().filter((id) => this.#stored.get(this.#names.node(id)) === undefined),
    );
  }

  override unlist(incarnation: string): Promise<boolean> {
    return this.#client.run(() => {
      const listed = this.#listed();
      if (this.#stored.get(this.#names.node(incarnation)) !== undefined || !listed.includes(incarnation))
        return false;
      const rest = listed.filter((id) => id !== incarnation);
      const leftMs = this.#stored.leftMs(this.#names.nodes);
      this.#stored.set(this.#names.nodes, rest.length > 0 ? rest : undefined, leftMs);
      return true;
    });
  }

  override agree(record: Record<string, string>): Promise<Record<string, string>> {
    return this.#client.run(() => {
      const agreed = { ...record, ...this.#stored.get<Fields>(this.#names.cluster) };
      this.#stored.set(this.#names.cluster, agreed);
      return agreed;
    });
  }

  override raise(protocol: number, level: number): Promise<void> {
    const { cluster, placement, announcements } = this.#names;
    return this.#client.run(() => {
      this.#raise(cluster, "protocol", protocol);
      if (this.#raise(placement, "level", level)) this.#client.network.publish(announcements, "level");
    });
  }

  /** Never lowered. False: it is as high already. */
  #raise(key: string, field: string, to: number): boolean {
    const fields = this.#stored.get<Fields>(key) ?? {};
    if (Number(fields[field] ?? 0) >= to) return false;
    this.#stored.set(key, { ...fields, [field]: String(to) });
    return true;
  }

  override time(): Promise<number> {
    return this.#client.run(() => this.#stored.timeMs());
  }
}
