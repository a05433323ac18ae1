import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Connected } from "../../gateway/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { ConnectedDesk, together } from "./connected-desk.ts";

const CHANNEL = "01890000-0000-7000-8000-000000000003" as ChannelId;
const people = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `u${from + i}` as UserId);
const of = (from: number, named: number, count = named): Connected => ({
  userIds: people(from, named),
  count,
});

it("row P4: who is on two nodes is one person, as long as both name them", () => {
  expect(together([of(0, 3), of(2, 2), of(0, 0)])).toEqual({ userIds: people(0, 4), count: 4 });
  expect(together([])).toEqual({ userIds: [], count: 0 });
});

it("row P4: of more than a list names, all are counted", () => {
  const { userIds, count } = together([of(0, 1_000, 4_000), of(500, 1_000, 2_000)]);
  expect([userIds.length, count]).toEqual([1_000, 1_500 + 3_000 + 1_000]);
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("row P4: a node that hangs is waited for a second, and what it says afterwards is nobody's", async () => {
  const nodes = ["a", "quick", "slow"].map((id) => ({ id, remainingMs: 1, fields: { roles: "gateway" } }));
  const asked = new Map<string, number>();
  const desk = new ConnectedDesk({
    incarnation: "a",
    control: { readNodes: async () => nodes },
    connected: () => of(0, 1),
    send(to, message) {
      if (message.type === "who_is_connected") asked.set(to, message.id);
      return true;
    },
    logger: pino({ level: "silent" }),
  });
  const answer = vi.fn();
  void desk.of(CHANNEL).then(answer);
  await vi.advanceTimersByTimeAsync(0);
  expect([...asked.keys()]).toEqual(["quick", "slow"]);
  desk.answered(asked.get("quick")!, of(1, 1));
  await vi.advanceTimersByTimeAsync(999);
  expect(answer).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  desk.answered(asked.get("slow")!, of(2, 1));
  expect(answer).toHaveBeenCalledExactlyOnceWith({ ...of(0, 2), isWhole: false });
});
