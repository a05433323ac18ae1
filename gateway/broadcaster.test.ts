import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelEvents } from "../protocol/events.ts";
import { createBroadcaster, WINDOW_MAX_MS, WINDOW_MIN_MS } from "./broadcaster.ts";
import { joinedEvent, leftEvent, messageEvent, newChannel, newUser } from "./doubles.ts";

const channelId = newChannel();
const author = newUser();
const event = (seq: number) => messageEvent(channelId, seq, author);

describe("the broadcaster", () => {
  let frames: { atMs: number; seqs: number[]; epoch: number }[];
  let passed: unknown[];
  let broadcaster: ReturnType<typeof createBroadcaster>;
  const beside = {
    pass: (signal: object) => void passed.push(signal),
    postHead: (head: object) => void passed.push(head),
    postMove: (move: object) => void passed.push(move),
  };
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    frames = [];
    passed = [];
    broadcaster = createBroadcaster({
      ...beside,
      nowMs: () => Date.now(),
      emit: ({ epoch, events }: ChannelEvents) =>
        frames.push({ atMs: Date.now(), seqs: events.map(({ seq }) => seq), epoch }),
    });
  });
  afterEach(() => vi.useRealTimers());

  it("sends the first event at once, and gathers the next ones", () => {
    for (const seq of [1, 2, 3]) broadcaster.publish(channelId, 1, [event(seq)]);
    vi.advanceTimersByTime(WINDOW_MIN_MS);
    expect(frames).toEqual([
      { atMs: 0, seqs: [1], epoch: 1 },
      { atMs: WINDOW_MIN_MS, seqs: [2, 3], epoch: 1 },
    ]);
    vi.advanceTimersByTime(WINDOW_MAX_MS);
    broadcaster.publish(channelId, 1, [event(4)]);
    expect(frames.at(-1)).toEqual({ atMs: WINDOW_MIN_MS + WINDOW_MAX_MS, seqs: [4], epoch: 1 });
  });

  it("keeps the order, loses nothing, and widens the window with the rate, up to its bound", () => {
    let seq = 0;
    for (let ms = 0; ms < 2_000; ms++) {
      broadcaster.publish(channelId, 1, [event(++seq)]);
      vi.advanceTimersByTime(1);
    }
    vi.advanceTimersByTime(WINDOW_MAX_MS);
    expect(frames.flatMap(({ seqs }) => seqs)).toEqual(Array.from({ length: 2_000 }, (_, i) => i + 1));
    const gaps = frames.slice(-8).map(({ atMs }, i, all) => atMs - (all[i - 1]?.atMs ?? atMs));
    expect(Math.max(...gaps)).toBe(WINDOW_MAX_MS);
    expect(frames.length).toBeLessThan(40);
  });

  it("gathers also when bringing one frame to everyone takes longer than a window", () => {
    const slow = createBroadcaster({
      ...beside,
      nowMs: () => Date.now(),
      emit: ({ epoch, events }) => {
        frames.push({ atMs: Date.now(), seqs: events.map(({ seq }) => seq), epoch });
        vi.advanceTimersByTime(WINDOW_MIN_MS + 5);
      },
    });
    for (const seq of [1, 2, 3]) slow.publish(channelId, 1, [event(seq)]);
    vi.advanceTimersByTime(WINDOW_MIN_MS);
    expect(frames.map(({ seqs }) => seqs)).toEqual([[1], [2, 3]]);
  });

  it("sends slow talk without delay", () => {
    for (let seq = 1; seq <= 20; seq++) {
      broadcaster.publish(channelId, 1, [event(seq)]);
      vi.advanceTimersByTime(50);
    }
    expect(frames.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 20 }, (_, i) => i * 50));
  });

  it("never puts two reigns into one frame", () => {
    broadcaster.publish(channelId, 1, [event(1)]);
    broadcaster.publish(channelId, 1, [event(2)]);
    broadcaster.publish(channelId, 2, [event(3)]);
    vi.advanceTimersByTime(WINDOW_MAX_MS);
    expect(frames.map(({ epoch, seqs }) => [epoch, seqs])).toEqual([
      [1, [1]],
      [1, [2]],
      [2, [3]],
    ]);
  });

  it("bounds a frame", () => {
    broadcaster.publish(channelId, 1, [event(1)]);
    broadcaster.publish(
      channelId,
      1,
      Array.from({ length: 1_000 }, (_, i) => event(i + 2)),
    );
    vi.advanceTimersByTime(WINDOW_MAX_MS);
    expect(frames.flatMap(({ seqs }) => seqs)).toHaveLength(1_001);
    expect(Math.max(...frames.map(({ seqs }) => seqs.length))).toBeLessThanOrEqual(128);
  });

  it("passes signals on at once, heads to every node", () => {
    const typing = { event: "typing" as const, payload: { channelId, userIds: [author], more: 0 } };
    const head = { channelId, seq: 1, epoch: 1, messageCount: 1 };
    broadcaster.signal(typing);
    broadcaster.signal({ event: "channel:head", payload: head });
    expect(passed).toEqual([typing, head]);
    expect(frames).toEqual([]);
  });

  it("tells every node who came and who went, and nothing of other events", () => {
    broadcaster.publish(channelId, 1, [joinedEvent(1, author), event(2), leftEvent(3, author)]);
    const move = { channelId, userId: author };
    expect(passed).toEqual([
      { ...move, isIn: true },
      { ...move, isIn: false },
    ]);
  });
});
