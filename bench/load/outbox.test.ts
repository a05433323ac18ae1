import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Outbox, UNANSWERED_MS } from "./outbox.ts";
import { uuidv7 } from "./uuid.ts";

describe("an outbox", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("has one message under way at a time, in order", () => {
    const outbox = new Outbox<{ clientId: string; content: string }>();
    outbox.add({ clientId: "a", content: "1" });
    outbox.add({ clientId: "b", content: "2" });
    const first = outbox.next(7)!;
    expect(first).toMatchObject({ clientId: "a", attempt: 1, firstSentAtMs: 7 });
    expect(outbox.next(8)).toBeUndefined();
    expect(outbox.done(first)).toBe(true);
    expect(outbox.next(9)).toMatchObject({ clientId: "b", attempt: 1 });
  });

  it("sends the same again, one attempt higher, after silence and backoff", () => {
    const outbox = new Outbox<{ clientId: string; content: string }>();
    outbox.add({ clientId: "a", content: "1" });
    const item = outbox.next(0)!;
    const again = vi.fn();
    outbox.watch(() => outbox.backOff(item, undefined, again));
    vi.advanceTimersByTime(UNANSWERED_MS - 1);
    expect(outbox.next(1)).toBeUndefined();
    vi.advanceTimersByTime(2_001);
    expect(again).toHaveBeenCalledOnce();
    expect(outbox.next(2)).toMatchObject({ clientId: "a", attempt: 2, firstSentAtMs: 0 });
  });

  it("waits as long as a refusal says", () => {
    const outbox = new Outbox<{ clientId: string; content: string }>();
    outbox.add({ clientId: "a", content: "1" });
    const again = vi.fn();
    outbox.backOff(outbox.next(0)!, 70, again);
    vi.advanceTimersByTime(69);
    expect(again).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(again).toHaveBeenCalledOnce();
  });

  it("takes an answer for good once, whichever attempt it answers", () => {
    const outbox = new Outbox<{ clientId: string; content: string }>();
    outbox.add({ clientId: "a", content: "1" });
    const item = outbox.next(0)!;
    outbox.interrupt();
    outbox.next(1);
    expect(outbox.done(item)).toBe(true);
    expect(outbox.done(item)).toBe(false);
    expect(outbox.length).toBe(0);
  });
});

it("makes UUIDv7s that carry their time", () => {
  expect(uuidv7(0x0123456789ab)).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
