/**
 * Stand-ins for what surrounds actors, for their tests: a gate that is confirmed by hand, and a world that keeps a
 * trace and whose clock stands still. Each implements its port wholly.
 */
import type { ChannelEvent } from "../protocol/events.ts";
import type { ChannelId, ClientId, UserId } from "../protocol/ids.ts";
import type { Answer } from "../protocol/refusals.ts";
import type { ChannelCommand, PreparedMessage, SessionCommand } from "./commands.ts";
import { HandStore } from "./hand-store.ts";
import type {
  ChannelSignal,
  Devices,
  LogRecord,
  NewsFollower,
  NodeNews,
  PersonRow,
  Reign,
  UserFacts,
} from "./ports.ts";
import type { ActorAlarm, World } from "./world.ts";

const digits = (n: number, length: number) => n.toString(16).padStart(length, "0");
/** The n-th UUIDv7 of each sort: greater n, greater id. */
export const user = (n: number) => `00000000-0000-7000-8000-${digits(n, 12)}` as UserId;
export const channel = (n: number) => `00000001-0000-7000-8000-${digits(n, 12)}` as ChannelId;
export const client = (n: number) => `${digits(n, 8)}-0000-7000-8000-000000000000` as ClientId;

/** A text as the gateway prepares it. */
export function said(clientId: ClientId, content = "hello"): PreparedMessage {
  const sentHash = `hash of ${content}`;
  return {
    clientId,
    type: "text",
    content,
    html: content,
    mentions: [],
    attachments: [],
    metadata: {},
    sentHash,
  };
}

/** A log and gate that confirm and flush when they are told to. */
export class HandGate implements Reign {
  readonly shard = 7;
  readonly epoch: number;
  readonly log: LogRecord[] = [];
  #waiting: (() => void)[] = [];
  #unflushed: { upTo: number; then: () => void }[] = [];
  #flushedUpTo = 0;
  #confirmedUpTo = 0;
  /** Confirms by itself, as an idle Redis does. */
  isOpen: boolean;
  room = true;

  /** What it found unflushed is not in Postgres before the first flush. */
  #owes: boolean;

  constructor(epoch = 1, isOpen = true, owes = false) {
    this.epoch = epoch;
    this.isOpen = isOpen;
    this.#owes = owes;
  }

  hasRoom(): boolean {
    return this.room;
  }

  enter(records: readonly LogRecord[], release: () => void): void {
    this.log.push(...records);
    if (this.isOpen && this.#waiting.length === 0) {
      this.#confirmedUpTo = this.log.length;
      release();
    } else this.#waiting.push(release);
  }

  whenFlushed(then: () => void): void {
    if (this.#flushedUpTo === this.log.length && !this.#owes) then();
    else this.#unflushed.push({ upTo: this.log.length, then });
  }

  /** All that waits is confirmed; what enters while it is released is confirmed as well. */
  confirm(): void {
    for (let release = this.#waiting.shift(); release; release = this.#waiting.shift()) release();
    this.#confirmedUpTo = this.log.length;
  }

  /** What is in the log for sure. */
  confirmed(): readonly LogRecord[] {
    return this.log.slice(0, this.#confirmedUpTo);
  }

  /** Everything confirmed goes to `write`, and to those who wait for that. */
  flush(write: (records: readonly LogRecord[]) => void): void {
    const records = this.log.slice(this.#flushedUpTo, this.#confirmedUpTo);
    this.#flushedUpTo = this.#confirmedUpTo;
    this.#owes = false;
    write(records);
    const due = this.#unflushed.filter(({ upTo }) => upTo <= this.#flushedUpTo);
    this.#unflushed = this.#unflushed.filter(({ upTo }) => upTo > this.#flushedUpTo);
    for (const { then } of due) then();
  }
}

/** People as Postgres knows them; whom it does not know has chosen nothing. */
export class HandPeople implements UserFacts {
  readonly rows = new Map<UserId, PersonRow>();
  readonly lastSeen = new Map<UserId, number>();

  person(userId: UserId): Promise<PersonRow | undefined> {
    return Promise.resolve(this.rows.get(userId) ?? { status: "online", blocked: [], blockedBy: [] });
  }

  seen(userId: UserId, atMs: number): Promise<void> {
    this.lastSeen.set(userId, Math.max(this.lastSeen.get(userId) ?? 0, atMs));
    return Promise.resolve();
  }
}

/** News that nodes hear when they are told to. */
export class HandNews implements NodeNews {
  readonly followers = new Set<NewsFollower>();
  /** Who is said to be out of a space. */
  readonly outs: { spaceId: ChannelId; userId: UserId }[] = [];
  /** Has this node a lease? */
  hasLease = true;
  /** Do all nodes hear at once? Else they do with `hear`. */
  isQuick = true;
  #waiting: ((isHeard: boolean) => void)[] = [];

  outOfSpace(spaceId: ChannelId, userId: UserId): Promise<boolean> {
    this.outs.push({ spaceId, userId });
    for (const follower of this.followers) follower.outOfSpace(spaceId, userId);
    return this.isQuick ? Promise.resolve(true) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Every node has heard of all who are out, or not in time. */
  hear(isHeard = true): void {
    for (const resolve of this.#waiting.splice(0)) resolve(isHeard);
  }

  isTold(): boolean {
    return this.hasLease;
  }

  follow(follower: NewsFollower): () => void {
    this.followers.add(follower);
    return () => void this.followers.delete(follower);
  }
}

/** A world in the test's hands. `trace` tells what left it, in order. */
export class HandWorld implements World {
  readonly facts = new HandStore();
  readonly people = new HandPeople();
  readonly trace: string[] = [];
  readonly published: { channelId: ChannelId; epoch: number; events: readonly ChannelEvent[] }[] = [];
  readonly alarms: ActorAlarm[] = [];
  readonly crashes: string[] = [];
  rejected = 0;
  /** Unix and monotonic milliseconds at once. */
  time = 1_700_000_000_000;
  /** Unix time is so far ahead of `time`, milliseconds. */
  skewMs = 0;
  #timers = new Set<{ everyMs: number; nextMs: number; run: () => void }>();
  /** Spaces' actors, as far as channels ask them. */
  askSpace: (spaceId: ChannelId, command: ChannelCommand) => Promise<Answer> = async () => ({ ok: true });

  readonly clock = { nowMs: () => this.time + this.skewMs };
  readonly nodeNews = new HandNews();
  readonly timers = {
    nowMs: () => this.time,
    every: (everyMs: number, run: () => void) => {
      const timer = { everyMs, nextMs: this.time + everyMs, run };
      this.#timers.add(timer);
      return () => void this.#timers.delete(timer);
    },
  };
  /** What channels told people's session actors. */
  readonly notified: { userId: UserId; command: SessionCommand }[] = [];
  /** What session actors told gateways. */
  readonly told: { node: string; event: string; to: readonly UserId[]; payload: object }[] = [];
  readonly signals: ChannelSignal[] = [];
  readonly router = {
    askChannel: (channelId: ChannelId, command: ChannelCommand) => this.askSpace(channelId, command) as never,
    askUser: (userId: UserId, command: SessionCommand) => {
      this.notified.push({ userId, command });
      return Promise.resolve({ ok: true }) as never;
    },
  };
  readonly devices: Devices = {
    tellUser: (node, userId, event, payload) => void this.told.push({ node, event, to: [userId], payload }),
    tellViewers: (node, viewers, presence) =>
      void this.told.push({ node, event: "presence", to: viewers, payload: presence }),
    replace: (node, userId, connectionIds) =>
      void this.told.push({ node, event: "replace", to: [userId], payload: { connectionIds } }),
  };
  readonly broadcaster = {
    publish: (channelId: ChannelId, epoch: number, events: readonly ChannelEvent[]) => {
      this.published.push({ channelId, epoch, events });
      this.trace.push(`publish ${events.map(({ seq }) => seq).join()}`);
    },
    signal: (signal: ChannelSignal) => void this.signals.push(signal),
  };
  readonly meter = {
    stage: () => undefined,
    mailboxRejected: () => void this.rejected++,
    crashed: (kind: string) => void this.crashes.push(kind),
    events: () => undefined,
  };
  alarm = (alarm: ActorAlarm) => void this.alarms.push(alarm);

  /** Time passes, and timers run as they fall due. */
  pass(ms: number): void {
    const endMs = this.time + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(({ nextMs }) => nextMs <= endMs)
        .sort((a, b) => a.nextMs - b.nextMs)[0];
      if (due === undefined) break;
      this.time = due.nextMs;
      due.nextMs += due.everyMs;
      due.run();
    }
    this.time = endMs;
  }

  get timersRunning(): number {
    return this.#timers.size;
  }
}
