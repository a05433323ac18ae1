/**
 * Events of a channel as frames: the first at once, later ones gathered in a window that grows with the rate, since a frame
 * costs every recipient the same whether it carries 1 message or 20. Here first, then to the other nodes (rule H3). Signals
 * wait for nothing; who came and went is told to every node, listeners or not.
 */
import type { Broadcaster, ChannelSignal } from "../actors/ports.ts";
import type { ChannelEvent, ChannelEvents } from "../protocol/events.ts";
import type { ChannelId } from "../protocol/ids.ts";
import type { ChannelHead } from "../protocol/signals.ts";
import type { Move } from "./adapter/bulletin.ts";
import { weightOf } from "./rooms/position.ts";
import { removedBy } from "./rooms/removals.ts";

/** Bounds of the window, milliseconds: below 10 nothing is saved, above 100 people notice. */
export const WINDOW_MIN_MS = 10;
export const WINDOW_MAX_MS = 100;
/** Milliseconds of window per event a second: 40/s wait 10 ms, 400/s 100. */
const WINDOW_MS_PER_RATE = 0.25;
/** A frame's events and bytes (about); a window that holds more is sent early. */
const FRAME_EVENTS_MAX = 128;
const FRAME_BYTES_MAX = 131_072;

type Window = {
  lengthMs: number;
  openedAtMs: number;
  /** Events since it opened. */
  count: number;
  pending: { epoch: number; events: ChannelEvent[]; bytes: number } | undefined;
  /** None before the frame that opened it is out. */
  timer: NodeJS.Timeout | undefined;
};

export type BroadcasterOptions = {
  /** To this node's listeners, and then to the other nodes'. Must not throw. */
  emit(frame: ChannelEvents): void;
  /** The same way. Must not throw. */
  pass(signal: ChannelSignal): void;
  /** To every node. Neither must throw. */
  postHead(head: ChannelHead): void;
  postMove(move: Move): void;
  /** Monotonic milliseconds. */
  nowMs?(): number;
};

export function createBroadcaster(options: BroadcasterOptions): Broadcaster & { flush(): void } {
  const { emit, nowMs = () => performance.now() } = options;
  const windows = new Map<ChannelId, Window>();

  const send = (channelId: ChannelId, window: Window) => {
    const { pending } = window;
    window.pending = undefined;
    if (pending) emit({ channelId, epoch: pending.epoch, events: pending.events });
  };

  const open = (channelId: ChannelId, lengthMs: number): Window => {
    const window: Window = { lengthMs, openedAtMs: nowMs(), count: 0, pending: undefined, timer: undefined };
    windows.set(channelId, window);
    return window;
  };

  /** Counted from the end of a frame's way out: a fan-out that is longer than the window must leave time to gather. */
  const run = (channelId: ChannelId, window: Window) => {
    window.timer = setTimeout(() => close(channelId), window.lengthMs);
  };

  /** The end of a window that stayed empty ends the gathering; another is followed by one as long as its rate wants. */
  const close = (channelId: ChannelId) => {
    const window = windows.get(channelId)!;
    windows.delete(channelId);
    if (window.count === 0) return;
    const perSecond = (window.count * 1_000) / Math.max(1, nowMs() - window.openedAtMs);
    const wanted = Math.min(WINDOW_MAX_MS, Math.max(WINDOW_MIN_MS, perSecond * WINDOW_MS_PER_RATE));
    const next = open(channelId, Math.round((window.lengthMs + wanted) / 2));
    send(channelId, window);
    run(channelId, next);
  };

  const gather = (channelId: ChannelId, window: Window, epoch: number, event: ChannelEvent) => {
    if (window.pending && window.pending.epoch !== epoch) send(channelId, window);
    window.pending ??= { epoch, events: [], bytes: 0 };
    window.pending.events.push(event);
    window.pending.bytes += weightOf(event);
    window.count += 1;
    if (window.pending.events.length >= FRAME_EVENTS_MAX || window.pending.bytes >= FRAME_BYTES_MAX)
      send(channelId, window);
  };

  return {
    publish(channelId, epoch, events) {
      if (events.length === 0) return;
      for (const event of events) postMoveOf(channelId, event, options);
      const current = windows.get(channelId);
      const window = current ?? open(channelId, WINDOW_MIN_MS);
      for (const event of events) gather(channelId, window, epoch, event);
      if (current) return;
      // Nobody waits for the first; it does not count as one that a window gathered.
      window.count = 0;
      send(channelId, window);
      run(channelId, window);
    },
    signal(signal) {
      if (signal.event === "channel:head") options.postHead(signal.payload);
      else options.pass(signal);
    },
    flush() {
      for (const [channelId, window] of windows) {
        clearTimeout(window.timer);
        windows.delete(channelId);
        send(channelId, window);
      }
    },
  };
}

function postMoveOf(channelId: ChannelId, event: ChannelEvent, { postMove }: BroadcasterOptions): void {
  const gone = removedBy(event);
  if (gone) postMove({ channelId, userId: gone, isIn: false });
  else if (event.type === "member:joined") postMove({ channelId, userId: event.member.userId, isIn: true });
}
