import { afterEach, describe, expect, it, vi } from "vitest";
import type { ChannelCommand } from "../actors/commands.ts";
import { user } from "../actors/doubles.ts";
import { Played } from "../actors/playing.ts";
import type { ConnectionId } from "../protocol/ids.ts";
import { messageId } from "../protocol/ids.ts";
import { readMessage } from "./asking/marks.ts";
import { read } from "./handlers/members.ts";
import { READ_EVERY_MS, ReadMarks } from "./read-marks.ts";

const [ada, bob] = [user(1), user(2)];
const MESSAGES = 4;

/** Bob listens to a channel of many, of which this node knows everything up to `known`; ada has said something four times. */
function listening(known = Number.POSITIVE_INFINITY, isUpToDate = true) {
  const played = Played.of("group", ada);
  played.admit(ada, bob);
  for (let n = 0; n < MESSAGES; n++) played.say(ada);
  const { id, fold } = played.state;
  const asked: ChannelCommand[] = [];
  const askChannel = async (_id: unknown, command: ChannelCommand) => {
    asked.push(command);
    return played.do(command);
  };
  const router = { askChannel } as never;
  const room = {
    about: { memberCount: 200 },
    isUpToDate,
    position: { seq: Math.min(known, fold.seq), epoch: 1 },
    listener: () => ({ state: "live" }),
  };
  const readMarks = new ReadMarks(router, { get: () => room } as never);
  const connection = { id: "c" as ConnectionId, userId: bob };
  const by = { connection, userId: bob, trace: { requestId: "1" } } as never;
  return {
    head: fold.seq,
    asked,
    overSocket: (seq: number) => read({ channelId: id, seq }, by, { router, readMarks } as never),
    overRest: (seq: number) => readMessage({ router } as never, by, messageId(id, seq)),
    marks: () => asked.filter(({ type }) => type === "mark"),
  };
}

afterEach(() => vi.useRealTimers());

describe("rule H5: a read mark in a large channel", () => {
  it("answers how many messages lie behind it, over REST as well, whatever this node gathers", async () => {
    for (let behind = 0; behind < MESSAGES; behind++) {
      const [socket, rest] = [listening(), listening()];
      const seq = socket.head - behind;
      expect(await socket.overSocket(seq)).toEqual({ ok: true, unread: behind });
      expect(await rest.overRest(seq)).toEqual({ ok: true, unread: behind });
      expect(rest.marks()).toHaveLength(1);
      // Only who has read everything need not ask.
      expect(socket.marks()).toHaveLength(behind === 0 ? 0 : 1);
    }
  });

  it("is gathered at the head as this node knows it, and the owner hears it within a second", async () => {
    vi.useFakeTimers();
    const { head, overSocket, marks } = listening();
    for (const seq of [head, head + 7]) expect(await overSocket(seq)).toEqual({ ok: true, unread: 0 });
    expect(marks()).toEqual([]);
    await vi.advanceTimersByTimeAsync(READ_EVERY_MS);
    expect(marks()).toEqual([{ type: "mark", by: bob, read: head }]);
  });

  it("is the owner's to answer while this node knows that it lacks something", async () => {
    const { head, overSocket, marks } = listening(Number.POSITIVE_INFINITY, false);
    expect(await overSocket(head - 1)).toEqual({ ok: true, unread: 1 });
    expect(await overSocket(head)).toEqual({ ok: true, unread: 0 });
    expect(marks()).toHaveLength(2);
  });

  it("that goes back behind one that is gathered still says that everything is read", async () => {
    const { head, overSocket, marks } = listening();
    expect(await overSocket(head)).toEqual({ ok: true, unread: 0 });
    expect(await overSocket(head - 2)).toEqual({ ok: true, unread: 0 });
    expect(marks()).toEqual([{ type: "mark", by: bob, read: head }]);
  });
});
