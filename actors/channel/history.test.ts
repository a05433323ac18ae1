import { describe, expect, it } from "vitest";
import { user } from "../doubles.ts";
import { Played } from "../playing.ts";

const owner = user(1);

describe("rule I1: sync", () => {
  const sync = (played: Played, afterSeq: number, epoch?: number, limit = 500) =>
    played.do({ type: "sync", by: owner, afterSeq, epoch, limit }) as never as {
      events: { seq: number }[];
      seq: number;
      epoch: number;
      more: boolean;
      reset?: boolean;
    };
  const seqs = (answer: { events: { seq: number }[] }) => answer.events.map(({ seq }) => seq);

  function written(): Played {
    const played = Played.of("group", owner);
    for (let n = 0; n < 4; n++) played.say(owner);
    return played;
  }

  it("answers what follows the position, and says where that ends", () => {
    const played = written();
    expect(seqs(sync(played, 4))).toEqual([5, 6]);
    expect(sync(played, 4, 1)).toMatchObject({ seq: 6, epoch: 1, more: false });
    expect(sync(played, 1, 1, 2)).toMatchObject({ seq: 3, more: true });
    expect(sync(played, 6, 1)).toEqual({ ok: true, events: [], seq: 6, epoch: 1, more: false });
    expect(seqs(sync(played, 0, 0))).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("resets beyond the head, on another history, and outside the window", () => {
    const played = written();
    const reset = { ok: true, events: [], seq: 6, epoch: 1, more: false, reset: true };
    expect(sync(played, 7)).toEqual(reset);
    expect(sync(played, 3, 2)).toEqual(reset);
    played.flush();
    Object.assign(played, {
      state: {
        ...played.state,
        recent: { at: (_id: unknown, seq: number) => (seq > 4 ? played.log[seq - 1] : undefined) },
      },
    });
    expect(sync(played, 3)).toEqual(reset);
    expect(seqs(sync(played, 4))).toEqual([5, 6]);
  });

  it("answers events of one reign at a time", () => {
    const played = written();
    Object.assign(played, { state: { ...played.state, reign: 5 } });
    played.say(owner);
    expect(sync(played, 4, 1)).toMatchObject({ seq: 6, epoch: 1, more: true });
    expect(sync(played, 6, 1)).toMatchObject({ seq: 7, epoch: 5, more: false });
    expect(sync(played, 6, 5)).toMatchObject({ reset: true, seq: 7, epoch: 5 });
    expect(sync(played, 7, 5)).toMatchObject({ events: [], seq: 7, epoch: 5 });
  });
});
