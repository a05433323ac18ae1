/** The only door to actors: finds the owner, asks it here or over the bus, and repeats only what surely was not handled (rule B1). */
import type { Logger } from "pino";
import type {
  ChannelAnswers,
  ChannelCommand,
  SessionAnswers,
  SessionCommand,
} from "../../actors/commands.ts";
import type { Router, ShardActors, Trace } from "../../actors/ports.ts";
import type { Position } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { assert } from "../lib/assert.ts";
import type { Ask, BusMessage } from "./bus.ts";
import type { HeadsDesk } from "./heads-desk.ts";
import { DEADLINE_MS, type Intake } from "./intake.ts";
import { type Asked, Lane, type Request } from "./lanes.ts";
import { levelOf, notYet } from "./level.ts";
import type { PlacementTable } from "./placement-table.ts";
import { shardOf } from "./shard-of.ts";

/** Deadlines are checked, and what waits is tried again, this often. */
const SWEEP_EVERY_MS = 50;
const TELL_EVERY_MS = 1_000;
/** An owner whom nobody heard, or who said `moved` although the table names it, is asked again after this. Chosen. */
const ASK_AGAIN_MS = 100;

export type ClusterRouterOptions = {
  incarnation: string;
  table: PlacementTable;
  intake: Intake;
  heads: HeadsDesk;
  send: (to: string, message: BusMessage) => boolean;
  /** Reads the table: an owner knows a newer one, or nobody hears the one it names. */
  readTable: () => void;
  logger: Logger;
};

export class ClusterRouter implements Router {
  readonly #options: ClusterRouterOptions;
  readonly #lanes: readonly Lane[];
  /** Oldest first, since ids and deadlines grow together. */
  readonly #requests = new Map<number, Request>();
  /** Lanes in which requests wait, by shard. */
  readonly #waiting = new Set<number>();
  /** Owners whom nobody heard, and until when (monotonic) they are not asked again. */
  readonly #deafUntilMs = new Map<string, number>();
  #lastId = 0;
  #sweeper: NodeJS.Timeout | undefined;
  /** Requests that had no answer in time and are not told yet; told at most once a second. */
  #late = 0;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: ClusterRouterOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.table.shards }, () => new Lane());
    options.table.onChange(() => this.#tryWaiting());
  }

  askChannel<C extends ChannelCommand>(
    channelId: ChannelId,
    command: C,
    trace?: Trace,
  ): Promise<Answer<ChannelAnswers[C["type"]]>> {
    return this.#ask({ type: "channel", actor: channelId, command }, trace) as Promise<
      Answer<ChannelAnswers[C["type"]]>
    >;
  }

  askUser<C extends SessionCommand>(
    userId: UserId,
    command: C,
    trace?: Trace,
  ): Promise<Answer<SessionAnswers[C["type"]]>> {
    return this.#ask({ type: "user", actor: userId, command }, trace) as Promise<
      Answer<SessionAnswers[C["type"]]>
    >;
  }

  heads(channelIds: readonly ChannelId[]): Promise<Map<ChannelId, Position>> {
    return this.#options.heads.ask(channelIds);
  }

  /** Another node asks an actor of ours. */
  asked(from: string, ask: Ask): void {
    const { intake, table } = this.#options;
    const shard = shardOf(ask.actor, table.shards);
    const reply = (answer: Answer) => this.#replyTo(from, ask.id, answer);
    intake.take(shard, ask.table, {
      run: (actors) => tell(actors, ask, reply),
      refuse: (why) => reply(refused(why)),
    });
  }

  answered(id: number, answer: Answer): void {
    const request = this.#requests.get(id);
    if (request !== undefined) this.#end(request, answer);
  }

  /** The owner we asked is none (any more). */
  moved(id: number, theirTable: number): void {
    const request = this.#requests.get(id);
    const owner = request?.sentTo;
    if (request === undefined || owner === undefined) return;
    const { table, readTable } = this.#options;
    if (theirTable > table.version) readTable();
    if (table.owner(request.shard) === owner)
      this.#lanes[request.shard]!.pauseUntil(performance.now() + ASK_AGAIN_MS);
    this.#putBack(request);
  }

  /** Nobody heard these: they may be sent again. */
  unheard(to: string, messages: readonly BusMessage[]): void {
    let some = false;
    for (const message of messages) {
      if (message.type !== "channel" && message.type !== "user") continue;
      const request = this.#requests.get(message.id);
      if (request?.sentTo !== to) continue;
      if (!some) this.#deafUntilMs.set(to, performance.now() + ASK_AGAIN_MS);
      some = true;
      this.#putBack(request);
    }
    if (some) this.#options.readTable();
  }

  /** Everyone who still waits hears `unavailable`. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#sweeper);
    for (const request of [...this.#requests.values()]) this.#end(request, refused("unavailable"));
  }

  #ask(asked: Asked, trace: Trace | undefined): Promise<Answer> {
    if (this.#stopped) return Promise.resolve(refused("unavailable"));
    // An owner that does not know a command would break on it.
    if (levelOf(asked.command) > this.#options.table.level.current) return Promise.resolve(notYet());
    const shard = shardOf(asked.actor, this.#options.table.shards);
    const lane = this.#lanes[shard];
    assert(lane !== undefined, "every shard has a lane");
    return new Promise((resolve) => {
      const deadlineMs = performance.now() + DEADLINE_MS;
      const request: Request = {
        ...asked,
        id: ++this.#lastId,
        shard,
        trace,
        deadlineMs,
        resolve,
        sentTo: undefined,
      };
      this.#requests.set(request.id, request);
      this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_EVERY_MS);
      if (!lane.isWaiting && this.#forward(lane, request)) return;
      if (lane.wait(request)) this.#waiting.add(shard);
      else this.#end(request, refused("overloaded"));
    });
  }

  /** Sends it to the shard's owner, if there is one who may be asked now. */
  #forward(lane: Lane, request: Request): boolean {
    const { table, incarnation, send } = this.#options;
    const owner = table.owner(request.shard);
    if (owner === undefined || !lane.leadsTo(owner) || this.#isDeaf(owner)) return false;
    lane.sent(request, owner);
    if (owner === incarnation) this.#forwardHere(request);
    else {
      const { type, id, actor, command, trace } = request;
      const ask = { type, id, table: table.version, actor, command, ...(trace && { trace }) } as Ask;
      if (!send(owner, ask)) this.#end(request, refused("too_large"));
    }
    return true;
  }

  #forwardHere(request: Request): void {
    const { intake, table } = this.#options;
    const reply = (answer: Answer) => {
      if (isMoved(answer)) this.moved(request.id, table.version);
      else this.answered(request.id, answer);
    };
    intake.take(request.shard, table.version, {
      run: (actors) => tell(actors, request, reply),
      refuse: (why) => reply(refused(why)),
    });
  }

  #replyTo(from: string, id: number, answer: Answer): void {
    const { send, table } = this.#options;
    if (isMoved(answer)) send(from, { type: "moved", id, table: table.version });
    else if (!send(from, { type: "answer", id, answer }))
      send(from, { type: "answer", id, answer: refused("too_large") });
  }

  #end(request: Request, answer: Answer): void {
    this.#requests.delete(request.id);
    const lane = this.#lanes[request.shard]!;
    lane.ended(request);
    request.resolve(answer);
    if (lane.isWaiting) this.#tryLane(request.shard);
    else if (this.#waiting.size > 0) this.#waiting.delete(request.shard);
  }

  #putBack(request: Request): void {
    this.#lanes[request.shard]!.returned(request);
    this.#waiting.add(request.shard);
    this.#tryLane(request.shard);
  }

  #tryWaiting(): void {
    for (const shard of [...this.#waiting]) this.#tryLane(shard);
  }

  #tryLane(shard: number): void {
    const lane = this.#lanes[shard]!;
    for (let request = lane.next(); request !== undefined; request = lane.next()) {
      if (this.#forward(lane, request)) continue;
      lane.unshift(request);
      return;
    }
    this.#waiting.delete(shard);
  }

  #isDeaf(owner: string): boolean {
    if (this.#deafUntilMs.size === 0) return false;
    const untilMs = this.#deafUntilMs.get(owner);
    if (untilMs === undefined) return false;
    if (performance.now() < untilMs) return true;
    this.#deafUntilMs.delete(owner);
    return false;
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const request of this.#requests.values()) {
      if (request.deadlineMs > nowMs) break;
      const { shard, sentTo, trace } = request;
      this.#options.logger.debug({ shard, owner: sentTo, ...trace }, "router: no answer in time");
      this.#late++;
      this.#end(request, refused("unavailable"));
    }
    const isLast = this.#requests.size === 0;
    if (this.#late > 0 && (isLast || nowMs - this.#toldAtMs >= TELL_EVERY_MS)) {
      this.#options.logger.warn(
        { requests: this.#late },
        "router: no answer in time; callers hear unavailable",
      );
      this.#late = 0;
      this.#toldAtMs = nowMs;
    }
    this.#tryWaiting();
    if (this.#requests.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }
}

function isMoved(answer: Answer): boolean {
  return !answer.ok && answer.error.code === "moved";
}

function tell(actors: ShardActors, asked: Asked, reply: (answer: Answer) => void): void {
  if (asked.type === "channel") actors.askChannel(asked.actor, asked.command, reply);
  else actors.askUser(asked.actor, asked.command, reply);
}
