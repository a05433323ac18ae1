/** What happens to a client, in order: for counting, for checking, for writing down. */
import type * as z from "zod";
import type { ChannelEvent, ChannelEvents } from "../../protocol/events.ts";
import type { Refusal } from "../../protocol/refusals.ts";
import type { ChannelSynced, MessageSent } from "../../protocol/requests.ts";
import type { SessionReady } from "../../protocol/session.ts";
import type { ChannelBehind } from "../../protocol/signals.ts";
import type { Outgoing } from "./outbox.ts";

export type Behind = z.infer<typeof ChannelBehind>;

/** Each is optional; none may throw. */
export type Observer = Partial<{
  connected(nodeUrl: string, ready: SessionReady): void;
  /** `drain` and the other reasons of `session:closing`, or what the transport says. */
  disconnected(reason: string): void;
  sent(channelId: string, item: Outgoing): void;
  acked(channelId: string, item: Outgoing, answer: MessageSent): void;
  refused(channelId: string, item: Outgoing, error: Refusal): void;
  opened(channelId: string, answer: { seq: number; epoch: number }): void;
  /** A frame as it came, before anything was dropped or held. */
  live(frame: ChannelEvents): void;
  synced(channelId: string, via: "sync" | "resume", afterSeq: number, answer: ChannelSynced): void;
  behind(signal: Behind): void;
  /** An event in its place in the order, once. */
  took(channelId: string, event: ChannelEvent): void;
  /** A request that can never succeed: the test itself is wrong. */
  failed(what: string, error: unknown): void;
}>;
