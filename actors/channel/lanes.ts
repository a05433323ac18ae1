/**
 * Commands that wait for facts: one lane per author, so that each author's commands keep their order while others pass
 * (rule A2). A fact that several wait for is fetched once.
 */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import { type ChannelFacts, type Clock, type Router, StoreAway } from "../ports.ts";
import {
  type FactKey,
  factName,
  forgetLookup,
  forgetOutsider,
  lastKnownBlock,
  learnBlock,
  learnLookup,
  learnSpaceMember,
} from "./facts.ts";
import { evictMembers, learnMember } from "./members.ts";
import { learnMessage, learnReactions } from "./messages.ts";
import { learnPins } from "./pins.ts";
import type { ChannelState } from "./state.ts";
import { learnFollow } from "./threads.ts";
import { learnMentions, learnMentionsAfter } from "./unread.ts";

/** How often one command may turn out to need more, until it is given up: facts that grow old as fast as they come. */
const ROUNDS_MAX = 8;

/** What brings facts: rows from Postgres, and people's standing from the space's own actor (rule E1). */
export type FactSources = { facts: ChannelFacts; router: Pick<Router, "askChannel">; clock: Clock };

export type LanesOptions<A> = FactSources & {
  state: ChannelState;
  /** Runs in the actor's turn: the state changes nowhere else. */
  soon(run: () => void): void;
  /** Decides a command whose facts are here; answers what it needs besides, when it is not decided. */
  judge(ask: A): FactKey[] | undefined;
  /** A fact could not be had: the store or the space is away (rule A3). */
  giveUp(ask: A): void;
};

type Lane<A> = {
  userId: UserId;
  asks: A[];
  missing: number;
  hasFailed: boolean;
  rounds: number;
  /** What its first command asked for, by `factName`: look-ups among it stay until that is decided. */
  asked: Map<string, FactKey>;
};

/** Whose order a command keeps. */
export function laneOf(command: ChannelCommand): UserId {
  return command.type === "member" ? command.userId : command.by;
}

/** How a fact enters the state; undefined: it could not be had. */
type Learn = (() => void) | undefined;

export class Lanes<A> {
  #options: LanesOptions<A>;
  #lanes = new Map<UserId, Lane<A>>();
  /** Who waits for what is being fetched, by `factName`. */
  #fetching = new Map<string, Lane<A>[]>();
  /** How many lanes have asked for a fact and not decided yet, by `factName`. */
  #askers = new Map<string, number>();
  /** Commands that wait in all lanes. */
  size = 0;

  constructor(options: LanesOptions<A>) {
    this.#options = options;
  }

  /** Puts a command behind its author's others that wait; false: none does, and it may be decided at once. */
  queue(userId: UserId, ask: A): boolean {
    const lane = this.#lanes.get(userId);
    if (lane === undefined) return false;
    lane.asks.push(ask);
    this.size++;
    return true;
  }

  /** Opens a lane with a command that needs facts, and fetches them. */
  wait(userId: UserId, ask: A, need: readonly FactKey[]): void {
    const lane: Lane<A> = { userId, asks: [ask], missing: 0, hasFailed: false, rounds: 0, asked: new Map() };
    this.#lanes.set(userId, lane);
    this.size++;
    this.#fetch(lane, need);
  }

  /** Takes out everything that waits. What is still being fetched finds nobody. */
  takeAll(): A[] {
    const asks: A[] = [];
    for (const lane of this.#lanes.values()) {
      asks.push(...lane.asks.splice(0));
      this.#forgetAsked(lane);
    }
    this.#lanes.clear();
    this.size = 0;
    return asks;
  }

  /** Is this member's row on its way? */
  isFetching(userId: UserId): boolean {
    return this.#fetching.has(factName({ fact: "member", userId }));
  }

  /** Does nobody wait, for nothing on its way? */
  isQuiet(): boolean {
    return this.#lanes.size === 0 && this.#fetching.size === 0;
  }

  #fetch(lane: Lane<A>, need: readonly FactKey[]): void {
    lane.rounds++;
    for (const key of need) {
      const name = factName(key);
      lane.missing++;
      if (!lane.asked.has(name)) this.#askers.set(name, (this.#askers.get(name) ?? 0) + 1);
      lane.asked.set(name, key);
      const others = this.#fetching.get(name);
      if (others) {
        others.push(lane);
        continue;
      }
      this.#fetching.set(name, [lane]);
      this.#load(key).then(
        (learn) => this.#options.soon(() => this.#arrived(name, learn)),
        (error) => this.#fail(error),
      );
    }
  }

  /** Not a store that is away but a defect: it is the actor's, and ends as its crash. */
  #fail(error: unknown): void {
    this.#options.soon(() => {
      throw error;
    });
  }

  #arrived(name: string, learn: Learn): void {
    const waiting = this.#fetching.get(name) ?? [];
    this.#fetching.delete(name);
    learn?.();
    for (const lane of waiting) {
      if (!learn) lane.hasFailed = true;
      if (--lane.missing === 0) this.#proceed(lane);
    }
    if (!this.#askers.has(name)) forgetLookup(this.#options.state.facts, name);
  }

  /** The lane's first command is decided: the next looks again. What other lanes wait with stays. */
  #forgetAsked(lane: Lane<A>): void {
    for (const [name, key] of lane.asked) {
      const others = this.#askers.get(name)! - 1;
      if (others > 0) this.#askers.set(name, others);
      else {
        this.#askers.delete(name);
        forgetLookup(this.#options.state.facts, name);
        if (key.fact === "space") forgetOutsider(this.#options.state.facts, key.userId);
      }
    }
    lane.asked.clear();
  }

  /** Decides the lane's commands in order until one needs more, or none is left. */
  #proceed(lane: Lane<A>): void {
    for (let ask = lane.asks[0]; ask !== undefined; ask = lane.asks[0]) {
      const isLost = lane.hasFailed || lane.rounds > ROUNDS_MAX;
      const need = isLost ? undefined : this.#options.judge(ask);
      if (need) {
        this.#fetch(lane, need);
        return;
      }
      lane.asks.shift();
      this.size--;
      lane.hasFailed = false;
      lane.rounds = 0;
      this.#forgetAsked(lane);
      if (isLost) this.#options.giveUp(ask);
    }
    if (this.#lanes.get(lane.userId) === lane) this.#lanes.delete(lane.userId);
  }

  async #load(key: FactKey): Promise<Learn> {
    try {
      return await this.#loaded(key);
    } catch (error) {
      if (error instanceof StoreAway) return undefined;
      throw error;
    }
  }

  async #loaded(key: FactKey): Promise<Learn> {
    const { state, facts } = this.#options;
    switch (key.fact) {
      case "member": {
        const row = await facts.member(state.id, key.userId);
        return () => {
          learnMember(state.members, key.userId, row);
          learnMentions(state, key.userId, row);
          evictMembers(state, (userId) => this.isFetching(userId));
        };
      }
      case "sent": {
        const sent = await facts.sent(state.id, key.authorId, key.clientId);
        return () => learnLookup(state.facts, factName(key), sent);
      }
      case "ordinal": {
        const ordinal = await facts.ordinalAt(state.id, key.seq);
        return () => learnLookup(state.facts, factName(key), ordinal);
      }
      case "mentions": {
        const found = await facts.mentionsAfter(state.id, key.userId, key.seq);
        return () => learnMentionsAfter(state, key.userId, key.seq, found);
      }
      case "message": {
        const found = await facts.message(state.id, key.seq);
        return () => void learnMessage(state, key.seq, found);
      }
      case "reactions": {
        const found = await facts.reactions(state.id, key.seq, key.userId);
        return () => void learnReactions(state, key.seq, key.userId, found);
      }
      case "pins": {
        const found = await facts.pins(state.id);
        return () => void learnPins(state, found);
      }
      case "follow": {
        const found = await facts.follow(state.id, key.seq, key.userId);
        return () => learnFollow(state.facts, key.seq, key.userId, found);
      }
      case "block":
        return this.#askBlock(key.userId, key.other);
      case "space":
        return this.#askSpace(key.spaceId, key.userId);
    }
  }

  /** While Postgres is away, what was known last goes on, so that a dm in memory does (rule A3). */
  async #askBlock(userId: UserId, other: UserId): Promise<Learn> {
    const { state, facts, clock } = this.#options;
    const askedAtMs = clock.nowMs();
    try {
      const blocked = await facts.blockBetween(userId, other);
      return () => learnBlock(state.facts, userId, other, { blocked, askedAtMs });
    } catch (error) {
      const last = lastKnownBlock(state.facts, userId, other);
      if (!(error instanceof StoreAway) || last === undefined) throw error;
      return () => learnBlock(state.facts, userId, other, { ...last, askedAtMs });
    }
  }

  /**
   * Asks the space's actor. It learns nothing of this channel, so the question need not wait at the gate (rule G1). What it said
   * before someone was put out is not learned: who waits for it asks again.
   */
  async #askSpace(spaceId: ChannelId, userId: UserId): Promise<Learn> {
    const { state, router, clock } = this.#options;
    const { spaceForgotten } = state.facts;
    const askedAtMs = clock.nowMs();
    const said = await router.askChannel(spaceId, { type: "member", userId });
    if (!said.ok) return undefined;
    const { member, kind } = said;
    return () => {
      if (state.facts.spaceForgotten !== spaceForgotten) return;
      learnSpaceMember(state.facts, userId, { member, isSpace: kind === "space", askedAtMs });
    };
  }
}
