/** What happens to a client, in order: for counting, for checking, for writing down. */
import type * as z from "zod";
import type { ChannelEvent, ChannelEvents } from "../../protocol/events.ts";
import type { Answer, Refusal } from "../../protocol/refusals.ts";
import type { ChannelOpened, ChannelSynced, MessageSent } from "../../protocol/requests.ts";
import type { SessionReady } from "../../protocol/session.ts";
import type { ChannelBehind } from "../../protocol/signals.ts";
import type { Change } from "./client-channel.ts";
import type { Outgoing, Waiting } from "./outbox.ts";

export type Behind = z.infer<typeof ChannelBehind>;

/** Each is optional; none may throw. */
export type Observer = Partial<{
  connected(nodeUrl: string, ready: SessionReady): void;
  /** `drain` and the other reasons of `session:closing`, or what the transport says. */
  disconnected(reason: string): void;
  sent(channelId: string, item: Outgoing): void;
  acked(channelId: string, item: Outgoing, answer: MessageSent): void;
  refused(channelId: string, item: Outgoing, error: Refusal): void;
  /** A change was answered; one that heard `later` is asked again. */
  changed(channelId: string, change: Waiting<Change>, answer: Answer): void;
  opened(channelId: string, answer: ChannelOpened): void;
  /** A frame as it came, before anything was dropped or held. */
  live(frame: ChannelEvents): void;
  synced(channelId: string, via: "sync" | "resume", afterSeq: number, answer: ChannelSynced): void;
  behind(signal: Behind): void;
  /** An event in its place in the order, once; `epoch` is of its reign, or of a later one that was heard with it. */
  took(channelId: string, event: ChannelEvent, epoch: number): void;
  /** A request that can never succeed: the test itself is wrong. */
  failed(what: string, error: unknown): void;
}>;
