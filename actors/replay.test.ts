import { describe, expect, it } from "vitest";
import type { Position } from "../protocol/channel.ts";
import { channel, user } from "./doubles.ts";
import type { LogRecord } from "./ports.ts";
import { channelsOf, findUnflushed } from "./replay.ts";

const event = (id: number, seq: number, epoch = 1): LogRecord => ({
  channelId: channel(id),
  epoch,
  event: { type: "message:pinned", seq, atMs: 0, by: user(1), messageId: `${channel(id)}.1` as never },
});
const mark = (id: number, who: number, read?: number, delivered?: number): LogRecord => ({
  channelId: channel(id),
  mark: { userId: user(who), read, delivered },
});
const rows = (...heads: [number, number][]) =>
  new Map(heads.map(([id, seq]) => [channel(id), [seq, 1] as Position]));

describe("rule A1: what a new owner finds", () => {
  it("is what lies beyond each channel's row, by seq", () => {
    const retained = [event(1, 1), event(2, 7), event(1, 2), event(3, 1), event(2, 8)];
    expect(channelsOf(retained)).toEqual([channel(1), channel(2), channel(3)]);
    const { unflushed, byChannel } = findUnflushed(retained, rows([1, 2], [2, 7]));
    expect(unflushed).toEqual([retained[3], retained[4]]);
    expect([...byChannel.keys()]).toEqual([channel(3), channel(2)]);
  });

  it("is the later reign's, where two decided the same seq", () => {
    const retained = [event(1, 1), event(1, 2), event(1, 3), event(1, 2, 4), event(1, 3, 4)];
    expect(findUnflushed(retained, rows([1, 1])).unflushed).toEqual([retained[3], retained[4]]);
  });

  it("holds nothing of a reign whose place a later one has taken, in the row as well", () => {
    const retained = [event(1, 1), event(1, 2), event(1, 3), event(1, 2, 4)];
    expect(findUnflushed(retained, rows([1, 2])).unflushed).toEqual([]);
  });

  it("of marks is only what no later one covers (rule L7)", () => {
    const retained = [
      mark(1, 1, 3),
      mark(1, 2, 1),
      mark(1, 1, undefined, 9),
      mark(2, 1, 1),
      mark(1, 1, 5),
      event(1, 1),
    ];
    expect(findUnflushed(retained, rows()).unflushed).toEqual([
      retained[1],
      retained[2],
      retained[3],
      retained[4],
      retained[5],
    ]);
  });
});
