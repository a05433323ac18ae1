/** The actors of one shard for one reign: activation on demand, passivation, crashes, and the end. */
import { type Ref, spawn, stop } from "nact";
import type { Position } from "../protocol/channel.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { type Refused, refused } from "../protocol/refusals.ts";
import type { Absent } from "./absent.ts";
import { ChannelActor } from "./channel/actor.ts";
import type { ChannelHost } from "./channel/host.ts";
import { MARKS_AT_ONCE_MAX } from "./channel/marks.ts";
import { SignalRounds } from "./channel/signal-rounds.ts";
import type { Mark } from "./channel/state.ts";
import type { ChannelCommand, SessionCommand } from "./commands.ts";
import { Crashes } from "./crashes.ts";
import {
  isEvent,
  isMark,
  type LogRecord,
  type NewsFollower,
  type Reign,
  type Reply,
  type ShardActors,
  StoreAway,
} from "./ports.ts";
import { Sessions } from "./session/sessions.ts";
import type { Tail } from "./tail.ts";
import { Waiting } from "./waiting.ts";
import type { World } from "./world.ts";

/** How long a channel stays in memory without a command unless told otherwise, milliseconds. */
export const IDLE_MS = 300_000;
/** How often a shard gathers its marks into the log (rule L7), and looks for who is idle and what is old, milliseconds. */
export const MARKS_EVERY_MS = 1_000;
export const SWEEP_EVERY_MS = 15_000;

export type ShardOptions = {
  system: Ref<never>;
  world: World;
  reign: Reign;
  tail: Tail;
  absent: Absent;
  idleMs?: number;
  /** One connection per user (row P6). Default: many. */
  isSingle?: boolean;
};

export class Shard implements ShardActors {
  #world: World;
  #reign: Reign;
  #tail: Tail;
  #parent: Ref<never>;
  #host: ChannelHost;
  #channels = new Map<ChannelId, ChannelActor>();
  #sessions: Sessions;
  #absent: Absent;
  #idleMs: number;
  /** Channels with marks to log. */
  #marked = new Set<ChannelActor>();
  #areMarksAtGate = false;
  #crashes = new Crashes();
  #waiting = new Waiting();
  #load = 0;
  /** Timers, and the news of nodes. */
  #stops: (() => void)[] = [];
  /** Why nothing is taken in any more. */
  #refusal: Refused | undefined;
  #onEmpty: (() => void)[] = [];
  #hasEnded = false;

  constructor(options: ShardOptions) {
    const { system, world, reign, tail, absent, idleMs = IDLE_MS, isSingle = false } = options;
    this.#world = world;
    this.#reign = reign;
    this.#tail = tail;
    this.#absent = absent;
    this.#idleMs = idleMs;
    this.#parent = spawn(system, (state: unknown) => state, `shard-${reign.shard}-${reign.epoch}`, {
      onCrash: (_message, _error, context) => context.resume,
    }) as Ref<never>;
    const rounds = new SignalRounds(world.timers);
    const around = { world, reign, tail, rounds, parent: this.#parent };
    this.#host = {
      ...around,
      crashed: ({ id }, error) => this.#crashed("channel", id, error),
      gone: (actor, unflushed) => {
        this.#absent.keep(actor.id, unflushed);
        this.#forget(actor);
      },
      turned: (actor) => this.#turned(actor),
      marked: (actor) => void this.#marked.add(actor),
      heard: (members) => {
        this.#load += members;
      },
    };
    this.#sessions = new Sessions({
      ...around,
      isSingle,
      crashed: ({ id }, error) => void this.#crashed("session", id, error),
      turned: () => this.#checkEmpty(),
    });
    this.#stops.push(world.nodeNews.follow(this.#followsNews()));
    this.#stops.push(world.timers.every(MARKS_EVERY_MS, () => this.#logMarks()));
    this.#stops.push(world.timers.every(SWEEP_EVERY_MS, () => this.#sweep()));
  }

  /** Brings every channel with unflushed events into memory. Rejects while the store is away; a channel's own fault is its own. */
  async load(): Promise<void> {
    const failures = await Promise.all(this.#absent.withEvents().map((id) => this.#activate(id).loaded));
    const away = failures.find((failure) => failure instanceof StoreAway);
    if (away) throw away;
  }

  askChannel(channelId: ChannelId, command: ChannelCommand, reply: Reply): void {
    const ask = this.#admit(command, reply);
    if (ask === undefined) return;
    if (this.#crashes.isClosed(channelId, ask.sinceMs)) this.#answer(ask.reply, refused("unavailable"));
    else if (!(this.#channels.get(channelId) ?? this.#activate(channelId).actor).offer(ask))
      this.#reject(ask.reply);
  }

  askUser(userId: UserId, command: SessionCommand, reply: Reply): void {
    const ask = this.#admit(command, reply);
    if (ask === undefined) return;
    if (this.#crashes.isClosed(userId, ask.sinceMs)) this.#answer(ask.reply, refused("unavailable"));
    else if (!this.#sessions.offer(userId, ask)) this.#reject(ask.reply);
  }

  async heads(channelIds: readonly ChannelId[]): Promise<Map<ChannelId, Position>> {
    const heads = new Map<ChannelId, Position>();
    const elsewhere: ChannelId[] = [];
    for (const id of channelIds) {
      const head = this.#channels.get(id)?.confirmed ?? this.#tail.head(id);
      if (head === undefined) elsewhere.push(id);
      else if (head[0] > 0) heads.set(id, head);
    }
    const rows = elsewhere.length > 0 ? await this.#world.facts.heads(elsewhere) : [];
    for (const [id, head] of rows) heads.set(id, this.#channels.get(id)?.confirmed ?? head);
    return heads;
  }

  flushed(records: readonly LogRecord[]): void {
    const byChannel = new Map<ChannelId, { seq: number; marks: Mark[] }>();
    for (const record of records) {
      const flushed = byChannel.get(record.channelId) ?? { seq: 0, marks: [] };
      byChannel.set(record.channelId, flushed);
      if (isEvent(record)) flushed.seq = Math.max(flushed.seq, record.event.seq);
      else if (isMark(record)) flushed.marks.push(record.mark);
    }
    for (const [id, flushed] of byChannel) {
      const actor = this.#channels.get(id);
      if (actor) actor.flushed(flushed);
      else this.#absent.flushed(id, flushed);
    }
  }

  async close(): Promise<void> {
    this.#refusal ??= refused("moved");
    for (const actor of this.#channels.values()) this.#sendOn(actor);
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
      this.#checkEmpty();
    });
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#refusal ??= refused("unavailable");
    for (const stopOne of this.#stops) stopOne();
    for (const actor of this.#channels.values()) actor.end();
    this.#sessions.end();
    stop(this.#parent);
    this.#waiting.answerAll(refused("unavailable"));
    this.#channels.clear();
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  census(): { channels: number; sessions: number; mailboxDepth: number } {
    let mailboxDepth = this.#sessions.depth;
    for (const { depth } of this.#channels.values()) mailboxDepth += depth;
    return { channels: this.#channels.size, sessions: this.#sessions.size, mailboxDepth };
  }

  channel(channelId: ChannelId): { seq: number; mailbox: number } | undefined {
    const actor = this.#channels.get(channelId);
    return actor?.confirmed && { seq: actor.confirmed[0], mailbox: actor.depth };
  }

  takeLoad(): number {
    const load = this.#load;
    this.#load = 0;
    return load;
  }

  #followsNews(): NewsFollower {
    const forget = (userId?: UserId) => {
      for (const actor of this.#channels.values()) actor.forgetSpace(userId);
    };
    return {
      // Channels of other spaces ask theirs again as well: a removal is rare.
      outOfSpace: (_spaceId, userId) => forget(userId),
      missed: () => forget(),
      nodeGone: (node) => this.#sessions.nodeGone(node),
    };
  }

  #activate(id: ChannelId): { actor: ChannelActor; loaded: Promise<unknown> } {
    const actor = new ChannelActor(id, this.#host);
    this.#channels.set(id, actor);
    return { actor, loaded: actor.load(this.#absent.take(id)) };
  }

  /** A command on its way into a mailbox; undefined: nothing is taken in any more. */
  #admit<C>(command: C, reply: Reply): { command: C; reply: Reply; sinceMs: number } | undefined {
    if (this.#refusal) {
      reply(this.#refusal);
      return undefined;
    }
    this.#load++;
    return { command, reply: this.#waiting.track(reply), sinceMs: this.#world.timers.nowMs() };
  }

  /** Through the gate: what is said rests on everything before it (rule G1). */
  #answer(reply: Reply, answer: Refused): void {
    this.#reign.enter([], () => reply(answer));
  }

  #reject(reply: Reply): void {
    this.#world.meter.mailboxRejected();
    reply(refused("overloaded"));
  }

  #crashed(kind: "channel" | "session", id: string, error: unknown): boolean {
    const isClosed = this.#crashes.count(id, this.#world.timers.nowMs());
    this.#world.meter.crashed(kind);
    this.#world.alarm({ kind, id, error, isClosed });
    return isClosed;
  }

  #forget(actor: ChannelActor): void {
    actor.end();
    this.#channels.delete(actor.id);
    this.#marked.delete(actor);
    this.#checkEmpty();
  }

  #turned(actor: ChannelActor): void {
    if (this.#refusal === undefined) return;
    this.#sendOn(actor);
    this.#checkEmpty();
  }

  /** The shard is leaving: what waits for facts has decided nothing, and goes to the new owner at once. */
  #sendOn(actor: ChannelActor): void {
    for (const ask of actor.takeUndecided()) this.#answer(ask.reply, refused("moved"));
  }

  /** Gathered marks enter the log, so many at a time; the others follow as soon as these are confirmed. */
  #logMarks(): void {
    if (this.#areMarksAtGate || !this.#reign.hasRoom()) return;
    let room = MARKS_AT_ONCE_MAX;
    for (const actor of this.#marked) {
      room -= actor.logMarks(room);
      if (room === 0) break;
      this.#marked.delete(actor);
    }
    if (this.#marked.size === 0) return;
    this.#areMarksAtGate = true;
    this.#reign.enter([], () => {
      this.#areMarksAtGate = false;
      this.#logMarks();
    });
  }

  #sweep(): void {
    const nowMs = this.#world.timers.nowMs();
    for (const actor of [...this.#channels.values()]) {
      const isUnused = nowMs - actor.usedAtMs >= this.#idleMs || !actor.exists();
      if (isUnused && actor.isIdle()) this.#forget(actor);
    }
    this.#sessions.sweep();
    this.#tail.trim();
    this.#crashes.trim(nowMs);
  }

  #isEmpty(): boolean {
    return this.census().mailboxDepth === 0;
  }

  #checkEmpty(): void {
    if (this.#refusal === undefined || !this.#isEmpty()) return;
    for (const actor of this.#marked) actor.logAllMarks();
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
