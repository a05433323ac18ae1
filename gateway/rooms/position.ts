/** Places in a channel's history as the gateway compares them (rule I1). */
import type { ChannelEvent } from "../../protocol/events.ts";

/** An event, or the head, of one channel: `epoch` is the reign that decided it. */
export type Place = { readonly seq: number; readonly epoch: number };

/** Is `a` beyond `b`? A later reign is, whatever its seq: whether its history is ours must be asked. */
export function isBeyond(a: Place, b: Place): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);
}

/** Events of one reign, in order and without a gap. */
export type Run = { readonly epoch: number; readonly events: readonly ChannelEvent[] };

export function firstSeq(run: Run): number {
  return run.events[0]!.seq;
}

export function lastPlace(run: Run): Place {
  return { seq: run.events.at(-1)!.seq, epoch: run.epoch };
}

/** The part of a run behind `seq`; undefined when nothing is. */
export function runAfter(run: Run, seq: number): Run | undefined {
  if (firstSeq(run) > seq) return run;
  const events = run.events.filter((event) => event.seq > seq);
  return events.length > 0 ? { epoch: run.epoch, events } : undefined;
}

/** What an event weighs in memory and on the wire, about, in bytes: its texts, and 400 for all else. */
export function weightOf(event: ChannelEvent): number {
  if (event.type !== "message:new") return 400;
  return 400 + event.message.content.length + event.message.html.length;
}
