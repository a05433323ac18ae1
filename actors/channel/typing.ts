/** Who is typing, where in a channel (row P5): soft state of a few seconds, which nothing is rebuilt from. */
import type { ChannelEvent } from "../../protocol/events.ts";
import { type ChannelId, messageId, type UserId } from "../../protocol/ids.ts";
import { TYPISTS_NAMED_MAX, type TypingSignal } from "../../protocol/signals.ts";
import type { ChannelCommand } from "../commands.ts";
import { admit, cutOff, silenced } from "./access.ts";
import { answer, type Outcome, refuse } from "./decision.ts";
import { Pacing } from "./pacing.ts";
import type { ChannelState } from "./state.ts";

/** Who has not said for so long that they type does not: clients say it every 3 s, and one word may be lost (20). */
export const TYPING_ENDS_MS = 6_000;
/** Between two signals of one place (row P5), and between two moves of one person: each move is a signal in two places. */
export const TYPING_EVERY_MS = 1_000;
/** A list that stands is said again so often: clients let go of what they have not heard for `TYPING_ENDS_MS`. */
export const TYPING_AGAIN_MS = 4_000;
/** People who type in one channel at once, as far as they are counted. Chosen: beyond it nobody reads the number. */
export const TYPISTS_MAX = 1_000;

/** What someone does; `place`: the seq of a thread's first message, 0 outside threads. */
export type TypingChange = { userId: UserId; on: boolean; place: number };

/** Who may post here may be seen typing; nothing is logged. Stopping is judged alike: who may not type need not stop. */
export function decideTyping(
  state: Readonly<ChannelState>,
  { by, on, threadSeq = 0 }: Extract<ChannelCommand, { type: "typing" }>,
  nowMs: number,
): Outcome {
  const admitted = admit(state, by, "post", nowMs);
  if (!("member" in admitted)) return admitted;
  const stopped = silenced(state, admitted, nowMs) ?? cutOff(state, by, nowMs);
  if (stopped) return stopped;
  if (threadSeq > state.fold.seq) return refuse("not_found");
  return { ...answer({}), typing: { userId: by, on, place: threadSeq } };
}

/** A person types in one place at a time. Kept a moment beyond the end, so that moves are counted. */
type Typist = { place: number; untilMs: number; movedAtMs: number };
/** What was told of a place last. */
type Place = { pacing: Pacing; told: string; renewed: boolean };

/** Times are monotonic milliseconds. */
export class Typists {
  readonly #channelId: ChannelId;
  readonly #tell: (signal: TypingSignal) => void;
  /** In the order in which they began. */
  readonly #typists = new Map<UserId, Typist>();
  readonly #places = new Map<number, Place>();

  constructor(channelId: ChannelId, tell: (signal: TypingSignal) => void) {
    this.#channelId = channelId;
    this.#tell = tell;
  }

  change({ userId, on, place }: TypingChange, nowMs: number): void {
    if (on) this.#start(userId, place, nowMs);
    else if (this.#typists.get(userId)?.place === place) this.#stop(userId, nowMs);
  }

  /** Who has spoken, or has gone, types no more. */
  happened(event: ChannelEvent, nowMs: number): void {
    if (event.type === "message:new") this.#stop(event.by, nowMs);
    else if (event.type === "member:left") this.#stop(event.userId, nowMs);
  }

  /** Tells what is due, and forgets who is silent. */
  round(nowMs: number): void {
    for (const place of this.#places.keys()) this.#tellOf(place, nowMs);
    for (const [userId, { untilMs, movedAtMs }] of this.#typists)
      if (untilMs <= nowMs && nowMs - movedAtMs >= TYPING_EVERY_MS) this.#typists.delete(userId);
    for (const [place, { pacing, told }] of this.#places)
      if (told === "" && pacing.isOpen(nowMs) && !this.#isAnyoneIn(place, nowMs)) this.#places.delete(place);
  }

  isQuiet(): boolean {
    return this.#typists.size === 0 && this.#places.size === 0;
  }

  #start(userId: UserId, place: number, nowMs: number): void {
    const before = this.#typists.get(userId);
    if (before === undefined && this.#typists.size >= TYPISTS_MAX) return;
    const moves = before?.place !== place;
    if (before && moves && nowMs - before.movedAtMs < TYPING_EVERY_MS) return;
    const untilMs = nowMs + TYPING_ENDS_MS;
    if (before && !moves && before.untilMs > nowMs) before.untilMs = untilMs;
    else {
      this.#typists.delete(userId);
      this.#typists.set(userId, { place, untilMs, movedAtMs: moves ? nowMs : before.movedAtMs });
    }
    const here = this.#places.get(place) ?? {
      pacing: new Pacing(TYPING_EVERY_MS),
      told: "",
      renewed: false,
    };
    here.renewed = true;
    this.#places.set(place, here);
    this.#tellOf(place, nowMs);
    if (before && moves) this.#tellOf(before.place, nowMs);
  }

  #stop(userId: UserId, nowMs: number): void {
    const typist = this.#typists.get(userId);
    if (typist === undefined || typist.untilMs <= nowMs) return;
    typist.untilMs = nowMs;
    this.#tellOf(typist.place, nowMs);
  }

  /** Tells who types in a place, where that has changed, or stands for so long that clients would let go of it. */
  #tellOf(place: number, nowMs: number): void {
    const here = this.#places.get(place);
    if (!here?.pacing.isOpen(nowMs)) return;
    const typing = this.#typingIn(place, nowMs);
    const userIds = typing.slice(0, TYPISTS_NAMED_MAX);
    const more = typing.length - userIds.length;
    const list = typing.length === 0 ? "" : `${userIds.join()}+${more}`;
    const isDueAgain = list !== "" && here.renewed && here.pacing.sinceMs(nowMs) >= TYPING_AGAIN_MS;
    if (list === here.told && !isDueAgain) return;
    here.told = list;
    here.renewed = false;
    here.pacing.told(nowMs);
    const thread = place === 0 ? {} : { threadId: messageId(this.#channelId, place) };
    this.#tell({ channelId: this.#channelId, ...thread, userIds, more });
  }

  #typingIn(place: number, nowMs: number): UserId[] {
    return [...this.#typists]
      .filter(([, typist]) => typist.place === place && typist.untilMs > nowMs)
      .map(([userId]) => userId);
  }

  #isAnyoneIn(place: number, nowMs: number): boolean {
    return this.#typingIn(place, nowMs).length > 0;
  }
}
