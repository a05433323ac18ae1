/**
 * The channel actor: take, decide, apply, enter the gate, release. It knows nothing of chat; `state.ts` does. The state moves
 * on at once; what anyone hears of it waits until it is in the log (rule G1).
 */
import type { Position } from "../../protocol/channel.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import { assert } from "../../src/lib/assert.ts";
import { Mailbox, type MailboxOwner } from "../mailbox.ts";
import { type LogRecord, type Reply, StoreAway } from "../ports.ts";
import {
  activate,
  type Flushed,
  flushedBoth,
  lacking,
  NOTHING_FLUSHED,
  type Unflushed,
} from "./activation.ts";
import { apply, applyBeside, settle } from "./apply.ts";
import { decide } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { type FactKey, forgetSpaceMembers } from "./facts.ts";
import type { ChannelAsk, ChannelHost } from "./host.ts";
import { Lanes, laneOf } from "./lanes.ts";
import { MARKS_AT_ONCE_MAX, settleMark, takeMarks } from "./marks.ts";
import { evictMembers } from "./members.ts";
import { areNews, headOf, Signals } from "./signals.ts";
import { type ChannelState, isSettled } from "./state.ts";
import { give, tell } from "./telling.ts";

export class ChannelActor implements MailboxOwner<ChannelAsk> {
  readonly id: ChannelId;
  /** Monotonic time of the last command. */
  usedAtMs: number;
  /** Where the channel stands as far as the log confirms it; undefined while it is not in memory. */
  confirmed: Position | undefined;
  #host: ChannelHost;
  #mailbox: Mailbox<ChannelAsk>;
  #signals: Signals;
  #state: ChannelState | undefined;
  /** Made when a command needs facts, and dropped when none waits. */
  #lanes: Lanes<ChannelAsk> | undefined;
  /** Decided in this turn, for one publish. */
  #batch: ChannelEvent[] = [];
  #enteredSeq = 0;
  /** Answers and records at the gate. */
  #atGate = 0;
  /** What Postgres took while the state was not in memory. */
  #flushedMeanwhile = NOTHING_FLUSHED;
  #hasEnded = false;

  /** It takes commands at once, and keeps them until `load` has brought it into memory. */
  constructor(id: ChannelId, host: ChannelHost) {
    this.id = id;
    this.#host = host;
    this.#signals = new Signals(id, host);
    const { nowMs } = host.world.timers;
    this.usedAtMs = nowMs();
    this.#mailbox = new Mailbox({ owner: this, parent: host.parent, name: `channel-${id}`, nowMs });
    this.#mailbox.hold();
  }

  /** False: the mailbox is full. */
  offer(ask: ChannelAsk): boolean {
    this.usedAtMs = ask.sinceMs;
    return this.#mailbox.offer(ask);
  }

  get depth(): number {
    return this.#mailbox.depth;
  }

  /** Is there such a channel, as far as is known here? */
  exists(): boolean {
    return this.#state === undefined || this.#state.fold.seq > 0;
  }

  /** May it leave memory? Not while anything waits, is at the gate, or is missing in Postgres (rule A1). */
  isIdle(): boolean {
    const isAtRest = this.depth === 0 && this.#atGate === 0 && this.#signals.isQuiet();
    return this.#state !== undefined && isAtRest && isSettled(this.#state);
  }

  /** Postgres has taken this of the channel. */
  flushed(flushed: Flushed): void {
    const state = this.#state;
    if (state === undefined) this.#flushedMeanwhile = flushedBoth(this.#flushedMeanwhile, flushed);
    else {
      settle(state, flushed.seq);
      for (const mark of flushed.marks) settleMark(state, mark);
      evictMembers(state, (userId) => this.#lanes?.isFetching(userId) ?? false);
    }
  }

  /** What the space said of the person, or of everyone, is not believed any more (rule E1). */
  forgetSpace(userId?: UserId): void {
    if (this.#state) forgetSpaceMembers(this.#state.facts, userId);
  }

  /** Puts marks that were gathered into the log (rule L7), at most `max`; answers how many. */
  logMarks(max: number): number {
    const marks = this.#state && !this.#hasEnded ? takeMarks(this.#state, max) : [];
    if (marks.length > 0) this.#enter(marks, () => undefined);
    return marks.length;
  }

  /** All of them, in as many entries as they need. */
  logAllMarks(): void {
    while (this.logMarks(MARKS_AT_ONCE_MAX) > 0);
  }

  /**
   * Takes out what cannot be decided without waiting for others: the shard is leaving. Commands behind such a one of the same
   * author go with it, in order.
   */
  takeUndecided(): ChannelAsk[] {
    const undecided = this.#lanes?.takeAll() ?? [];
    this.#mailbox.setAside = 0;
    if (this.#state !== undefined && undecided.length === 0) return undecided;
    const authors = new Set(undecided.map(({ command }) => laneOf(command)));
    for (const ask of this.#mailbox.takeAll()) {
      if (this.#state === undefined || authors.has(laneOf(ask.command))) undecided.push(ask);
      else this.#mailbox.offer(ask);
    }
    return undecided;
  }

  /** Out of memory, for whatever reason: nothing happens here any more. */
  end(): void {
    this.#hasEnded = true;
    this.#signals.end();
    this.#mailbox.stop();
  }

  /**
   * Brings it into memory. `unflushed`: what the log holds and Postgres may lack. Resolves with the reason where that could not
   * be done; then everyone who waits has heard `unavailable`.
   */
  async load(unflushed: Unflushed): Promise<unknown> {
    const { world, reign, tail } = this.#host;
    try {
      const state = await activate(this.id, reign.epoch, unflushed, world.facts, tail);
      if (!this.#hasEnded) this.#begin(state);
      return undefined;
    } catch (error) {
      if (this.#hasEnded) return error;
      if (!(error instanceof StoreAway)) this.#host.crashed(this, error);
      this.#giveUpAll();
      this.#host.gone(this, lacking(unflushed, this.#flushedMeanwhile));
      return error;
    }
  }

  #begin(state: ChannelState): void {
    this.#state = state;
    this.#enteredSeq = state.fold.seq;
    this.confirmed = [state.fold.seq, state.fold.epoch];
    this.flushed(this.#flushedMeanwhile);
    this.#flushedMeanwhile = NOTHING_FLUSHED;
    // After a take-over nobody stays on a lost branch (rule I1).
    if (state.unflushed.length > 0) this.#signals.stands(headOf(this.id, state.fold));
    this.#mailbox.open();
  }

  #openLanes(state: ChannelState): Lanes<ChannelAsk> {
    const { facts, router, clock } = this.#host.world;
    this.#lanes ??= new Lanes({
      state,
      facts,
      router,
      clock,
      soon: (run) => this.#mailbox.soon(() => this.#state === state && run()),
      judge: (ask) => this.#judge(state, ask),
      giveUp: (ask) => this.#answer(ask, refused("unavailable")),
    });
    return this.#lanes;
  }

  take(ask: ChannelAsk): void {
    const { meter, timers } = this.#host.world;
    meter.stage("mailbox", (timers.nowMs() - ask.sinceMs) / 1_000);
    const userId = laneOf(ask.command);
    if (this.#lanes?.queue(userId, ask)) return;
    const state = this.#state;
    assert(state !== undefined, "a mailbox is held while the state is away");
    const need = this.#judge(state, ask);
    if (need) this.#openLanes(state).wait(userId, ask, need);
  }

  /** Decides a command and lets what came of it go its way; answers the facts that it needs first. */
  #judge(state: ChannelState, ask: ChannelAsk): FactKey[] | undefined {
    const { world, reign } = this.#host;
    const { meter, timers } = world;
    // An answer that says so rests on nothing, and the gate is what is full: it need not wait there.
    if (!reign.hasRoom()) return void ask.reply(refused("overloaded"));
    if (state.facts.spaceMembers && !world.nodeNews.isTold()) forgetSpaceMembers(state.facts);
    const startedMs = timers.nowMs();
    const outcome = decide(state, ask.command, world.clock.nowMs());
    if ("need" in outcome) return outcome.need;
    for (const record of outcome.events) apply(state, record);
    meter.stage("decide", (timers.nowMs() - startedMs) / 1_000);
    this.#release(state, ask, outcome);
    return undefined;
  }

  #release(
    state: ChannelState,
    ask: ChannelAsk,
    { events, typing, answer, waitsForFlush, ...decided }: Decision,
  ): void {
    const { world, reign, tail } = this.#host;
    const { meter, timers } = world;
    if (typing) this.#signals.typed(typing);
    const records = [...events, ...applyBeside(state, decided, events.length > 0)];
    const enteredMs = timers.nowMs();
    const last = events.at(-1);
    const head = areNews(events) ? headOf(this.id, state.fold) : undefined;
    this.#enter(records, () => {
      for (const record of events) tail.add(record);
      if (last) {
        this.confirmed = [last.event.seq, last.epoch];
        meter.stage("log", (timers.nowMs() - enteredMs) / 1_000);
      }
      if (!waitsForFlush) give(world, this.id, { answer, ...decided }, ask.reply);
      tell(world, this.id, decided);
      if (head) this.#signals.stands(head);
    });
    if (waitsForFlush) reign.whenFlushed(() => ask.reply(answer));
    if (last) this.#enteredSeq = last.event.seq;
    for (const { event } of events) {
      this.#batch.push(event);
      this.#signals.decided(event);
      meter.events(event.type);
      this.#host.heard(state.fold.memberCount);
    }
    if (state.marks && state.marks.toLog.size > 0) this.#host.marked(this);
  }

  #enter(records: readonly LogRecord[], release: () => void): void {
    this.#atGate++;
    this.#host.reign.enter(records, () => {
      this.#atGate--;
      release();
      this.#signals.logged(records, this.#state?.fold);
    });
  }

  #answer(ask: ChannelAsk, answer: Parameters<Reply>[0]): void {
    this.#enter([], () => ask.reply(answer));
  }

  afterTurn(): void {
    if (this.#hasEnded) return;
    this.#mailbox.setAside = this.#lanes?.size ?? 0;
    if (this.#lanes?.isQuiet()) this.#lanes = undefined;
    if (this.#batch.length > 0) {
      const events = this.#batch;
      this.#batch = [];
      const { reign, world } = this.#host;
      this.#enter([], () => world.broadcaster.publish(this.id, reign.epoch, events));
    }
    this.#host.turned(this);
  }

  /**
   * Half a command may have changed the state: it is built again from what entered the gate, once that is in Postgres. Who was
   * being served hears `unavailable`; the others wait, unless the channel is closed.
   */
  crashed(error: unknown, ask: ChannelAsk | undefined): void {
    if (this.#hasEnded) return;
    this.#mailbox.hold();
    const isClosed = this.#host.crashed(this, error);
    const served = [...(ask ? [ask] : []), ...(this.#lanes?.takeAll() ?? [])];
    this.#mailbox.setAside = 0;
    for (const waiting of served) this.#answer(waiting, refused("unavailable"));
    if (isClosed) this.#giveUpAll();
    // It is being brought into memory already.
    if (this.#state === undefined) return;
    const unflushed = this.#dropState(this.#state);
    this.#host.reign.whenFlushed(() => {
      if (!this.#hasEnded) void this.load(unflushed);
    });
  }

  /** What entered the gate and Postgres lacks. */
  #dropState(state: ChannelState): Unflushed {
    this.logAllMarks();
    this.#state = undefined;
    this.#lanes = undefined;
    const events = state.unflushed.filter(({ event }) => event.seq <= this.#enteredSeq);
    return { events, marks: [...(state.marks?.toFlush.values() ?? [])] };
  }

  /** Everyone who waits for this channel hears `unavailable`. */
  #giveUpAll(): void {
    for (const ask of [...(this.#lanes?.takeAll() ?? []), ...this.#mailbox.takeAll()])
      this.#answer(ask, refused("unavailable"));
  }
}
