import { describe, expect, it } from "vitest";
import type { ChannelId } from "../protocol/ids.ts";
import { channel, client, said, user } from "./doubles.ts";
import { Played } from "./playing.ts";
import type { EventRecord } from "./ports.ts";
import { Tail, type TailOptions } from "./tail.ts";

const a = channel(1);
const b = channel(2);

function event(channelId: ChannelId, seq: number, atMs = 1_000, epoch = 1): EventRecord {
  return {
    channelId,
    epoch,
    event: { type: "message:pinned", seq, atMs, by: user(1), messageId: `${channelId}.1` as never },
  };
}
let nowMs = 1_000;
const open = (options: TailOptions = {}) => new Tail(() => nowMs, options);
const held = (tail: Tail, channelId: ChannelId, atMs = 1_000) => {
  nowMs = atMs;
  return Array.from({ length: 40 }, (_, seq) => seq).filter(
    (seq) => tail.at(channelId, seq)?.event.seq === seq,
  );
};

describe("the resume window", () => {
  it("keeps the last events of each channel, apart", () => {
    const tail = open({ eventsMax: 3 });
    for (let seq = 1; seq <= 5; seq++) tail.add(event(a, seq));
    tail.add(event(b, 1));
    expect(held(tail, a)).toEqual([3, 4, 5]);
    expect(held(tail, b)).toEqual([1]);
    expect(tail.head(a)).toEqual([5, 1]);
    expect(tail.head(channel(3))).toBeUndefined();
  });

  it("holds its bytes over all channels: the oldest goes first", () => {
    const tail = open({ bytesMax: 4_000 });
    for (let seq = 1; seq <= 3; seq++) {
      tail.add(event(a, seq));
      tail.add(event(b, seq));
    }
    expect([held(tail, a), held(tail, b)]).toEqual([
      [2, 3],
      [1, 2, 3],
    ]);
    expect(tail.bytes).toBeLessThanOrEqual(4_000);
  });

  it("weighs what people may make large: text, metadata, mentions", () => {
    const tail = open();
    const message = { ...said(client(1), "x".repeat(500)), metadata: { note: "y".repeat(1_000) } };
    const played = Played.of("group", user(1));
    played.do({ type: "send", by: user(1), message, attempt: 1 });
    tail.add(played.log.at(-1)!);
    expect(tail.bytes).toBeGreaterThan(800 + 2 * 500 + 1_000);
  });

  it("answers nothing that is older than it may be, trimmed or not", () => {
    const tail = open({ ageMaxMs: 100 });
    for (let seq = 1; seq <= 4; seq++) tail.add(event(a, seq, seq * 50));
    expect(held(tail, a, 250)).toEqual([3, 4]);
    nowMs = 250;
    tail.trim();
    expect(held(tail, a, 0)).toEqual([3, 4]);
    nowMs = 10_000;
    tail.trim();
    expect(tail.bytes).toBe(0);
    expect(tail.head(a)).toBeUndefined();
    tail.add(event(a, 5, 10_000));
    expect(held(tail, a, 10_000)).toEqual([5]);
  });

  it("starts anew where the next event does not follow: another history", () => {
    const tail = open();
    for (let seq = 1; seq <= 4; seq++) tail.add(event(a, seq));
    tail.add(event(a, 3, 1_000, 2));
    expect(held(tail, a)).toEqual([3]);
    expect(tail.head(a)).toEqual([3, 2]);
  });

  it("stays bounded however much passes through", () => {
    const tail = open({ eventsMax: 10 });
    for (let seq = 1; seq <= 100_000; seq++) tail.add(event(a, seq));
    expect(held(tail, a).length).toBeLessThanOrEqual(10);
    expect(tail.bytes).toBe(10 * 800);
  });
});
