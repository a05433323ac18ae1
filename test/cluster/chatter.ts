/** A cluster under a steady conversation that is written down, and judged at the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { ChatClient } from "../../bench/load/chat-client.ts";
import { makeSite, type Person, type Site } from "../../bench/load/site.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Durability } from "../../protocol/message.ts";
import { check, type Report } from "../checker/checker.ts";
import type { HistoryRecord } from "../checker/history.ts";
import type { TestCluster, TestNode, TestRedisServers } from "../support/cluster.ts";
import { foldsOf } from "./folds.ts";
import { gesture, READ_MARK, threadToReplyIn } from "./gestures.ts";
import { Guests } from "./guests.ts";
import { oddKind } from "./links.ts";
import { Recorder } from "./recorder.ts";
import { loggedHistory, ownersOf, storedHistory } from "./stores.ts";

/** What a conversation needs of a cluster. Clients connect to the nodes that it has in the beginning. */
type Talkative = Pick<TestCluster<TestRedisServers>, "nodes" | "redis" | "databaseUrl" | "logTails">;

export type ChatterOptions = {
  channels: number;
  /** Clients per channel, one person each; the first ones write. */
  members: number;
  /** Milliseconds between two messages in one channel; one in two comes with a gesture: an edit, a reaction, a read mark … */
  everyMs: number;
  /** What the first member of each channel asks for. */
  durability?: Durability;
  /** `mixed`: clients of every kind; else all are official ones over WebSocket. */
  kinds?: "mixed";
  /** So many channels have a guest each, who listens, and is put out by `putOut`. */
  guests?: number;
  /** Where clients reach a node; default: where it listens. */
  urlOf?: (node: TestNode) => string;
  /** Not before `unfold`: whatever 0.1.0 refuses. Texts and read marks are all that there is. */
  plain?: boolean;
};

/** After the faults are over: longest backoff of an outbox, and a backlog's way into Postgres. */
const SETTLE_MS = 45_000;

/** One message in so many is a reply, and one in so many comes with a gesture. Both are prime to a channel's three members: everyone comes to both. */
const REPLY_EVERY = 5;
const GESTURE_EVERY = 2;

export class Chatter {
  readonly recorder = new Recorder();
  readonly #cluster: Talkative;
  readonly #site: Site;
  readonly #clients: ChatClient[][];
  readonly #guests: Guests;
  readonly #everyMs: number;
  readonly #urlOf: (node: TestNode) => string;
  /** Where clients connect; they look at it with each try. */
  readonly #nodes: string[] = [];
  #writing: NodeJS.Timeout | undefined;
  #messages = 0;
  #isPlain: boolean;
  /** All that was judged, and the verdict: once there is one. */
  judged: { history: readonly HistoryRecord[]; report: Report } | undefined;
  /** What stood in the log before Redis was made to forget it. */
  readonly #kept: HistoryRecord[] = [];

  private constructor(cluster: Talkative, site: Site, options: ChatterOptions) {
    this.#cluster = cluster;
    this.#site = site;
    this.#everyMs = options.everyMs / options.channels;
    this.#isPlain = options.plain === true;
    this.#urlOf = options.urlOf ?? (({ url }) => url);
    const nodes = this.#nodes;
    this.goTo(cluster.nodes);
    this.#clients = site.channels.map(({ id, members }, c) =>
      members.slice(0, options.members).map((person, m) =>
        this.recorder.client({
          name: `c${c}m${m}`,
          person,
          nodes,
          firstNode: c + m,
          channelIds: [id],
          durability: m === 0 ? options.durability : undefined,
          kind: options.kinds && m === options.members - 1 ? oddKind(c) : undefined,
        }),
      ),
    );
    this.#guests = new Guests(this.recorder, nodes, site.channels.slice(0, options.guests ?? 0));
  }

  /** Makes people and channels, connects everyone, and resolves when all listen. Member `m` of channel `c` starts at node `c + m`. */
  static async start(cluster: Talkative, options: ChatterOptions): Promise<Chatter> {
    const nodes = cluster.nodes.map(({ url }) => url);
    const { channels, guests = 0 } = options;
    const members = options.members + (guests > 0 ? 1 : 0);
    const site = await makeSite({ nodes, people: members, channels, membersPerChannel: members });
    const chatter = new Chatter(cluster, site, options);
    const everyone = [...chatter.clients, ...chatter.#guests.clients];
    for (const client of everyone) client.start();
    await expect.poll(() => everyone.every((client) => client.listening), { timeout: 20_000 }).toBe(true);
    return chatter;
  }

  /** Whoever connects from now on finds these. */
  goTo(nodes: readonly TestNode[]): void {
    this.#nodes.splice(0, this.#nodes.length, ...nodes.map(this.#urlOf));
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

  /** From here on they do all that there is to do. */
  unfold(): void {
    this.#isPlain = false;
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
    const turn = Math.floor(k / this.#clients.length);
    const m = turn % members.length;
    const channelId = this.channelIds[channel]!;
    const reader = this.recorder.reader(`c${channel}m${m}`, channelId);
    const replies = turn % REPLY_EVERY === 0 && !this.#isPlain;
    const thread = replies ? threadToReplyIn(reader) : undefined;
    members[m]!.send(channelId, `message ${k}`, thread?.id);
    if (turn % GESTURE_EVERY > 0) return;
    const which = Math.floor(turn / GESTURE_EVERY / members.length);
    const gestureNo = this.#isPlain ? READ_MARK : which + m + channel;
    for (const change of gesture(gestureNo, channelId as ChannelId, reader, m === 0))
      members[m]!.change(channelId, change);
  }

  /** The guests are banned; resolves when all their owners have heard that it is done. */
  putOut(): Promise<void> {
    return this.#guests.putOut();
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

  /** Channels of these in which nobody has been acked after `sinceMs` (monotonic). */
  silentSince(channelIds: readonly string[], sinceMs: number): string[] {
    const heard = new Set(
      this.recorder.tally.acks.filter(({ atMs }) => atMs > sinceMs).map((ack) => ack.channelId),
    );
    return channelIds.filter((id) => !heard.has(id));
  }

  /** Resolves when all of these have been acked in after `sinceMs`. */
  async untilAllAcked(channelIds: readonly string[], sinceMs: number, withinMs = 30_000): Promise<void> {
    await expect.poll(() => this.silentSince(channelIds, sinceMs), { timeout: withinMs }).toEqual([]);
  }

  /** The greatest reign of which anyone has heard an event, by channel, in the order of `channelIds`. */
  reigns(channelIds: readonly string[]): number[] {
    const greatest = new Map<string, number>();
    for (const record of this.recorder.history) {
      if (record.what !== "events" && record.what !== "open") continue;
      greatest.set(record.channelId, Math.max(record.epoch, greatest.get(record.channelId) ?? 0));
    }
    return channelIds.map((id) => greatest.get(id) ?? 0);
  }

  /** Messages sent again after the first `from` records of the history. */
  resendsAfter(from: number): number {
    return this.recorder.history.slice(from).filter((record) => record.what === "send" && record.attempt > 1)
      .length;
  }

  /** The log as it stands counts as seen, whatever Redis forgets from now on. */
  async keepLog(): Promise<void> {
    this.#kept.push(...(await loggedHistory(this.#cluster.redis.url, this.channelIds)));
  }

  /**
   * The longest time without an ack in any of these channels, in milliseconds, from `fromMs` (monotonic) to the last ack
   * of all: the pause that writers met.
   */
  longestPauseMs(channelIds: readonly string[], fromMs: number): number {
    const { acks } = this.recorder.tally;
    const end = acks.at(-1)!.atMs;
    const pauses = channelIds.flatMap((id) => {
      const here = acks.filter((ack) => ack.channelId === id && ack.atMs > fromMs).map(({ atMs }) => atMs);
      return [...here, end].map((atMs, k) => atMs - (here[k - 1] ?? fromMs));
    });
    return Math.max(...pauses);
  }

  /** Everything answered, heard and flushed; then what the stores hold ends the history, and the checker must find nothing. */
  async judge(): Promise<Report> {
    const report = await this.report();
    expect(this.recorder.tally.failed).toEqual([]);
    expect(report.violations, `${JSON.stringify(report.counts)}\n${this.#cluster.logTails()}`).toEqual([]);
    const { seen } = report;
    const judged = Math.min(seen.acks, seen.rows, seen.logged, seen.changes, seen.folds);
    expect(judged, "nothing was judged").toBeGreaterThan(0);
    expect(seen.deliveries, "every member hears every message").toBeGreaterThan(seen.rows);
    return report;
  }

  /** The same without the verdict. */
  async report(): Promise<Report> {
    this.hush();
    const { history } = this.recorder;
    await expect.poll(() => this.#unsettled(), { timeout: SETTLE_MS }).toEqual([]);
    await this.#readAgain();
    const { databaseUrl, redis } = this.#cluster;
    let stored = await storedHistory(databaseUrl, redis.url, this.channelIds);
    for (
      const endMs = performance.now() + SETTLE_MS;
      this.#behind(stored).length > 0 && performance.now() < endMs;
      await sleep(200)
    ) {
      stored = await storedHistory(databaseUrl, redis.url, this.channelIds);
    }
    const folds = await foldsOf(this.#seats(), this.#nodes, SETTLE_MS);
    for (const client of [...this.clients, ...this.#guests.clients]) client.stop();
    const judged = [...history, ...this.#kept, ...folds, ...stored];
    const report = await check(judged);
    this.judged = { history: judged, report };
    return report;
  }

  /** A mark that was acked may be lost with its owner, within a second (rule L7): everyone says once more how far they have read. */
  async #readAgain(): Promise<void> {
    for (const { client, reader, channelId } of this.#seats())
      client.change(channelId, { name: "channel:read", payload: { channelId, seq: reader.readSeq } });
    await expect.poll(() => this.#unsettled(), { timeout: SETTLE_MS }).toEqual([]);
  }

  /** Everyone in every channel. */
  #seats() {
    return this.#clients.flatMap((members, c) =>
      members.map((client, m) => {
        const [name, channelId] = [`c${c}m${m}`, this.channelIds[c]!];
        return {
          name,
          client,
          channelId,
          person: this.person(c, m),
          reader: this.recorder.reader(name, channelId),
        };
      }),
    );
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
