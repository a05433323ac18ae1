import { expect, it } from "vitest";
import type { ChannelId } from "../protocol/ids.ts";
import { newChannel } from "./doubles.ts";
import { onceASecond } from "./once-a-second.ts";

it("row P4: a crowd that opens a list asks the nodes once a second, for each channel", async () => {
  const asked: ChannelId[] = [];
  let nowMs = 1_000_000;
  const connected = onceASecond(
    {
      async of(channelId) {
        asked.push(channelId);
        return { userIds: [], count: asked.length, isWhole: true };
      },
    },
    () => nowMs,
  );
  const [one, two] = [newChannel(), newChannel()];
  const counts = async (...channelIds: ChannelId[]) =>
    (await Promise.all(channelIds.map((id) => connected.of(id)))).map(({ count }) => count);
  expect(await counts(one, one, two, one)).toEqual([1, 1, 2, 1]);
  nowMs += 900;
  expect(await counts(one, two)).toEqual([1, 2]);
  nowMs += 200;
  expect(await counts(one, one)).toEqual([3, 3]);
  expect(asked).toEqual([one, two, one]);
});
