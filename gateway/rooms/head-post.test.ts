import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChannelId, ConnectionId } from "../../protocol/ids.ts";
import type { Frame } from "../adapter/frame.ts";
import { newChannel, newUser } from "../doubles.ts";
import { HEADS_EVERY_MS, HeadPost } from "./head-post.ts";
import type { RoomConnection } from "./listener.ts";

const [news, sports] = [newChannel(), newChannel()];
const head = (channelId: ChannelId, seq: number) => ({ channelId, seq, epoch: 1, messageCount: seq });
const connection = (id: string): RoomConnection => ({ id: id as ConnectionId, userId: newUser() });

describe("rule H5: heads on their way", () => {
  let written: { to: string; frame: Frame; heads: string[] }[];
  let isBusy: boolean;
  let unwanted: Set<ChannelId>;
  let post: HeadPost;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    written = [];
    isBusy = false;
    unwanted = new Set();
    post = new HeadPost({
      wants: (_, channelId) => !unwanted.has(channelId),
      pass({ id }, frame) {
        const [event, { heads }] = JSON.parse(frame.text.slice(1));
        expect(event).toBe("channel:heads");
        const named = heads.map(
          (each: ReturnType<typeof head>) => `${each.channelId === news ? "news" : "sports"} ${each.seq}`,
        );
        if (!isBusy) written.push({ to: id, frame, heads: named });
        return !isBusy;
      },
    });
  });
  afterEach(() => {
    post.close();
    vi.useRealTimers();
  });
  const told = () => written.map(({ to, heads }) => `${to}: ${heads.join(", ")}`);

  it("the first leaves at once, and one frame a second what has moved since, each channel once", () => {
    const ann = connection("ann");
    post.tell(ann, [head(news, 1)]);
    expect(told()).toEqual(["ann: news 1"]);
    for (let seq = 2; seq <= 9; seq++) post.tell(ann, [head(news, seq)]);
    post.tell(ann, [head(sports, 5)]);
    expect(told()).toHaveLength(1);
    vi.advanceTimersByTime(HEADS_EVERY_MS);
    expect(told().slice(1)).toEqual(["ann: news 9, sports 5"]);
    vi.advanceTimersByTime(10 * HEADS_EVERY_MS);
    expect(told()).toHaveLength(2);
    post.tell(ann, [head(news, 10)]);
    expect(told()).toHaveLength(3);
  });

  it("one connection does not wait for another, and the same heads are encoded once", () => {
    const heads = [head(news, 1)];
    const everyone = Array.from({ length: 3 }, (_, n) => connection(`${n}`));
    for (const each of everyone) post.tell(each, heads);
    expect(told()).toEqual(["0: news 1", "1: news 1", "2: news 1"]);
    expect(new Set(written.map(({ frame }) => frame)).size).toBe(1);
  });

  it("of thousands at once some are written to in a turn, and the others in the next", () => {
    const crowd = Array.from({ length: 1_200 }, (_, n) => connection(`${n}`));
    for (const seq of [1, 2]) for (const each of crowd) post.tell(each, [head(news, seq)]);
    expect(written).toHaveLength(1_200);
    for (const more of [500, 1_000, 1_200]) {
      vi.advanceTimersToNextTimer();
      expect(written).toHaveLength(1_200 + more);
    }
  });

  it("what a busy connection does not take is tried again, and nothing is told that is not wanted any more", () => {
    const ann = connection("ann");
    isBusy = true;
    post.tell(ann, [head(news, 1), head(sports, 1)]);
    vi.advanceTimersByTime(3 * HEADS_EVERY_MS);
    isBusy = false;
    unwanted.add(news);
    vi.advanceTimersByTime(HEADS_EVERY_MS);
    expect(told()).toEqual(["ann: sports 1"]);
  });
});
