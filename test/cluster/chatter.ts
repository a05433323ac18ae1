/** A cluster under a steady conversation that is written down, and judged at the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { ChatClient } from "../../bench/load/chat-client.ts";
import { makeSite, type Person, type Site } from "../../bench/load/site.ts";
import type { Durability } from "../../protocol/message.ts";
import { check, type Report } from "../checker/checker.ts";
import type { TestCluster, TestNode } from "../support/cluster.ts";
import { Recorder } from "./recorder.ts";
import { ownersOf, storedHistory } from "./stores.ts";

export type ChatterOptions = {
  channels: number;
  /** Clients per channel, one person each; the first ones write. */
  members: number;
  /** Milliseconds between two messages in one channel. */
  everyMs: number;
  /** What the first member of each channel asks for. */
  durability?: Durability;
};

/** After the faults are over: longest backoff of an outbox, and a backlog's way into Postgres. */
const SETTLE_MS = 45_000;

export class Chatter {
  readonly recorder = new Recorder();
  readonly #cluster: TestCluster;
  readonly #site: Site;
  readonly #clients: ChatClient[][];
  readonly #everyMs: number;
  #writing: NodeJS.Timeout | undefined;
  #messages = 0;

  private constructor(cluster: TestCluster, site: Site, options: ChatterOptions) {
    this.#cluster = cluster;
    this.#site = site;
    this.#everyMs = options.everyMs / options.channels;
    const nodes = cluster.nodes.map(({ url }) => url);
    this.#clients = site.channels.map(({ id, members }, c) =>
      members.map((person, m) =>
        this.recorder.client({
          name: `c${c}m${m}`,
          person,
          nodes,
          firstNode: c + m,
          channelIds: [id],
          durability: m === 0 ? options.durability : undefined,
        }),
      ),
    );
  }

  /** Makes people and channels, connects everyone, and resolves when all listen. Member `m` of channel `c` starts at node `c + m`. */
  static async start(cluster: TestCluster, options: ChatterOptions): Promise<Chatter> {
    const nodes = cluster.nodes.map(({ url }) => url);
    const { channels, members } = options;
    const site = await makeSite({ nodes, people: members, channels, membersPerChannel: members });
    const chatter = new Chatter(cluster, site, options);
    for (const client of chatter.clients) client.start();
    await expect
      .poll(() => chatter.clients.every((client) => client.listening), { timeout: 20_000 })
      .toBe(true);
    return chatter;
  }

  get clients(): ChatClient[] {
    return this.#clients.flat();
  }

  get channelIds(): string[] {
    return this.#site.channels.map(({ id }) => id);
  }

  person(channel: number, member: number): Person {
    return this.#site.channels[channel]!.members[member]!;
  }

  /** The clients of one channel. */
  of(channel: number): readonly ChatClient[] {
    return this.#clients[channel]!;
  }

  /** Everyone writes in turn, until `hush`. */
  talk(): void {
    this.#writing = setInterval(() => this.say(), this.#everyMs);
  }

  /** The next message of the conversation. */
  say(): void {
    const k = this.#messages++;
    const channel = k % this.#clients.length;
    const members = this.#clients[channel]!;
    const writer = members[Math.floor(k / this.#clients.length) % members.length]!;
    writer.send(this.channelIds[channel]!, `message ${k}`);
  }

  hush(): void {
    clearInterval(this.#writing);
  }

  /** Acks so far, at least `more` later. */
  async untilAcked(more: number, withinMs = 20_000): Promise<void> {
    const goal = this.recorder.tally.acks.length + more;
    await expect
      .poll(() => this.recorder.tally.acks.length, { timeout: withinMs, interval: 20 })
      .toBeGreaterThanOrEqual(goal);
  }

  /** The node that owns most of these channels. */
  async busiestOwner(): Promise<{ node: TestNode; channelIds: string[] }> {
    const owners = await ownersOf(this.#cluster.redis.url, this.channelIds);
    const owned = (node: TestNode) => this.channelIds.filter((id) => owners.get(id) === node.id);
    const [node] = this.#cluster.nodes.toSorted((a, b) => owned(b).length - owned(a).length);
    expect(owned(node!), "no node owns a channel").not.toEqual([]);
    return { node: node!, channelIds: owned(node!) };
  }

  /**
   * The longest time without an ack in any of these channels, in milliseconds, from `fromMs` (monotonic) to the last ack
   * of all: the pause that writers met.
   */
  longestPauseMs(channelIds: readonly string[], fromMs: number): number {
    const { acks } = this.recorder.tally;
    const end = acks.at(-1)!.atMs;
    const pauses = channelIds.map((id) => {
      const times = [
        fromMs,
        ...acks.filter((ack) => ack.channelId === id && ack.atMs > fromMs).map(({ atMs }) => atMs),
        end,
      ];
      return times.slice(1).reduce((longest, at, i) => Math.max(longest, at - times[i]!), 0);
    });
    return Math.max(...pauses);
  }

  /** Everything answered, heard and flushed; then what the stores hold ends the history, and the checker judges it. */
  async judge(): Promise<Report> {
    this.hush();
    const { tally, history } = this.recorder;
    await expect.poll(() => this.#unsettled(), { timeout: SETTLE_MS }).toEqual([]);
    const { databaseUrl, redis } = this.#cluster;
    let stored = await storedHistory(databaseUrl, redis.url, this.channelIds);
    const behind = () => this.#behind(stored);
    for (
      const endMs = performance.now() + SETTLE_MS;
      behind().length > 0 && performance.now() < endMs;
      await sleep(200)
    ) {
      stored = await storedHistory(databaseUrl, redis.url, this.channelIds);
    }
    for (const client of this.clients) client.stop();
    expect(tally.failed).toEqual([]);
    const report = await check([...history, ...stored]);
    expect(report.violations, `${JSON.stringify(report.counts)}\n${this.#cluster.logTails()}`).toEqual([]);
    expect(report.seen.acks).toBeGreaterThan(0);
    return report;
  }

  #unsettled(): string[] {
    const names = this.#clients.flatMap((members, c) => members.map((_, m) => `c${c}m${m}`));
    return this.clients.flatMap((client, i) => (client.settled ? [] : [names[i]!]));
  }

  /** Channels whose listeners are not where Postgres is, or Postgres not where the log is. */
  #behind(stored: readonly { what: string; channelId?: string; seq?: number }[]): string[] {
    const heads = new Map(
      stored.flatMap((record) => (record.what === "channel" ? [[record.channelId!, record.seq!]] : [])),
    );
    return this.#clients.flatMap((members, c) => {
      const id = this.channelIds[c]!;
      return members.every((client) => client.channels.get(id)!.position.seq === heads.get(id)) ? [] : [id];
    });
  }
}
