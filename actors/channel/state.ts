/** What a channel's actor knows: the channel's fold, its members, what Postgres lacks. Decided on in `decide.ts`, changed in `apply.ts`. */
import type { Position } from "../../protocol/channel.ts";
import { type ChannelFold, unwritten } from "../../protocol/fold.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { ChannelRow, EventRecord, MarkRecord } from "../ports.ts";
import type { Facts } from "./facts.ts";
import type { Members } from "./members.ts";
import type { MessageFacts } from "./messages.ts";
import type { Pace } from "./slow-mode.ts";

export type Mark = MarkRecord["mark"];

/** One per member, the greatest. */
export class Marks {
  /** Gathered for the log. */
  readonly toLog = new Map<UserId, Mark>();
  /** In the log, not in Postgres. */
  readonly toFlush = new Map<UserId, Mark>();
}

/** Confirmed events of the shard's channels that are within the resume window, each channel's without a gap. */
export interface Recent {
  /** The event of the channel under `seq`; undefined outside the window. */
  at(channelId: ChannelId, seq: number): EventRecord | undefined;
}

export type ChannelState = {
  readonly id: ChannelId;
  /** Epoch of the reign that decides here. */
  readonly reign: number;
  /** The channel, its position, its counts. */
  readonly fold: ChannelFold;
  /** `atMs` of the last event: the next is not earlier (rule E5). */
  lastAtMs: number;
  /** Of the last message; 0: none. */
  lastMessageAtMs: number;
  /** (first seq, epoch) of the last reigns, oldest first. */
  readonly reigns: Position[];
  readonly members: Members;
  /** The two people of a dm. */
  pair?: readonly UserId[];
  /** Single messages, by seq: see `messages.ts`. Made with the first. */
  messages?: Map<number, MessageFacts>;
  /** Seqs of the pinned messages; undefined until someone pins: see `pins.ts`. */
  pins?: Set<number>;
  /** How fast people write, for automatic slow mode. Made with the first message. */
  pace?: Pace;
  /** Events that Postgres lacks, oldest first, without a gap up to the head. */
  readonly unflushed: EventRecord[];
  /** Those of them that are messages, by `sendKey`: a resend finds its first here (rule S1). */
  unflushedSends?: Map<string, EventRecord>;
  /** Postgres has every event up to here. */
  flushedSeq: number;
  /** Undefined while there are none that Postgres lacks. */
  marks?: Marks;
  /** Confirmed events of the resume window, kept by the shard. */
  readonly recent: Recent;
  /** What was looked up for the commands that wait. */
  readonly facts: Facts;
};

/** A channel as Postgres has it, or one that is not there yet, in the hands of a new owner. */
export function restore(
  id: ChannelId,
  reign: number,
  row: ChannelRow | undefined,
  recent: Recent,
): ChannelState {
  const { channel } = row ?? {};
  const fold =
    channel && row
      ? {
          channel,
          seq: channel.seq,
          epoch: channel.epoch,
          memberCount: channel.memberCount,
          messageCount: row.messageCount,
        }
      : unwritten();
  return {
    id,
    reign,
    fold,
    recent,
    lastAtMs: row?.lastAtMs ?? 0,
    lastMessageAtMs: row?.lastMessageAtMs ?? 0,
    reigns: row ? [...row.reigns] : [],
    members: { byUser: new Map(), complete: row === undefined },
    pair: row?.pair,
    unflushed: [],
    flushedSeq: fold.seq,
    facts: {},
  };
}

/** Is everything that happened here in Postgres? */
export function isSettled(state: Readonly<ChannelState>): boolean {
  return state.unflushed.length === 0 && state.marks === undefined;
}
