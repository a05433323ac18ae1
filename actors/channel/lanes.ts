/**
 * Commands that wait for facts: one lane per author, so that each author's commands keep their order while others pass
 * (rule A2). A fact that several wait for is fetched once.
 */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { ChannelCommand } from "../commands.ts";
import { type ChannelFacts, type Clock, type Router, StoreAway } from "../ports.ts";
import { type FactKey, factName, forgetLookup, learnLookup, learnSpaceMember } from "./facts.ts";
import { evictMembers, learnMember } from "./members.ts";
import type { ChannelState } from "./state.ts";

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

type Lane<A> = { userId: UserId; asks: A[]; missing: number; hasFailed: boolean; rounds: number };

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
    const lane: Lane<A> = { userId, asks: [ask], missing: 0, hasFailed: false, rounds: 0 };
    this.#lanes.set(userId, lane);
    this.size++;
    this.#fetch(lane, need);
  }

  /** Takes out everything that waits. What is still being fetched finds nobody. */
  takeAll(): A[] {
    const asks = [...this.#lanes.values()].flatMap((lane) => lane.asks.splice(0));
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
    forgetLookup(this.#options.state.facts, name);
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
      case "space":
        return this.#askSpace(key.spaceId, key.userId);
    }
  }

  /** Asks the space's actor. It learns nothing of this channel, so the question need not wait at the gate (rule G1). */
  async #askSpace(spaceId: ChannelId, userId: UserId): Promise<Learn> {
    const { state, router, clock } = this.#options;
    const askedAtMs = clock.nowMs();
    const said = await router.askChannel(spaceId, { type: "member", userId });
    if (!said.ok) return undefined;
    const { member, kind } = said;
    return () => learnSpaceMember(state.facts, userId, { member, isSpace: kind === "space", askedAtMs });
  }
}
