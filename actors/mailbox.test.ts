import { type Ref, start, stop } from "nact";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MAILBOX_MAX, Mailbox, type MailboxOwner, TURN_COMMANDS_MAX, TURN_MS_MAX } from "./mailbox.ts";

let system: Ref<never>;
let trace: string[];
let nowMs: number;

beforeEach(() => {
  system = start() as Ref<never>;
  trace = [];
  nowMs = 0;
});
afterEach(() => stop(system));

function open(owner: Partial<MailboxOwner<number>> = {}): Mailbox<number> {
  return new Mailbox({
    parent: system,
    name: "channel-00000001-0000-7000-8000-000000000001",
    nowMs: () => nowMs,
    owner: {
      take: (item) => void trace.push(`${item}`),
      afterTurn: () => void trace.push("turn"),
      crashed: (error, item) => void trace.push(`crash ${(error as Error).message} ${item}`),
      ...owner,
    },
  });
}
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

describe("the mailbox", () => {
  it("drains what waits in one turn, in order", async () => {
    const mailbox = open();
    for (const item of [1, 2, 3]) mailbox.offer(item);
    expect(trace).toEqual([]);
    await turn();
    expect(trace).toEqual(["1", "2", "3", "turn"]);
  });

  it("is full at its bound, what was set aside included, and serves what it took in over several turns", async () => {
    const mailbox = open();
    mailbox.setAside = 24;
    const taken = Array.from({ length: MAILBOX_MAX }, (_, n) => mailbox.offer(n));
    expect(taken.filter(Boolean)).toHaveLength(MAILBOX_MAX - 24);
    await expect.poll(() => trace.filter((each) => each !== "turn")).toHaveLength(MAILBOX_MAX - 24);
    const first = trace.indexOf("turn");
    expect(first).toBe(TURN_COMMANDS_MAX);
    expect(trace.filter((each) => each !== "turn")).toEqual(
      Array.from({ length: MAILBOX_MAX - 24 }, (_, n) => `${n}`),
    );
  });

  it("ends a turn that takes too long", async () => {
    const mailbox = open({
      take: (item) => {
        trace.push(`${item}`);
        nowMs += TURN_MS_MAX / 2;
      },
    });
    for (const item of [1, 2, 3]) mailbox.offer(item);
    await turn();
    expect(trace.slice(0, 3)).toEqual(["1", "2", "turn"]);
    await expect.poll(() => trace).toEqual(["1", "2", "turn", "3", "turn"]);
  });

  it("keeps items while it is held, and does at once what is due before them", async () => {
    const mailbox = open();
    mailbox.hold();
    mailbox.offer(1);
    mailbox.soon(() => trace.push("soon"));
    await turn();
    expect(trace).toEqual(["soon", "turn"]);
    mailbox.open();
    await turn();
    expect(trace).toEqual(["soon", "turn", "1", "turn"]);
  });

  it("goes on after a crash, with the items behind it", async () => {
    const mailbox = open({
      take: (item) => {
        if (item === 2) throw new Error("no two");
        trace.push(`${item}`);
      },
    });
    for (const item of [1, 2, 3]) mailbox.offer(item);
    await expect.poll(() => trace).toEqual(["1", "turn", "crash no two 2", "3", "turn"]);
    mailbox.soon(() => {
      throw new Error("soon");
    });
    await expect.poll(() => trace.slice(5)).toEqual(["turn", "crash soon undefined"]);
    mailbox.offer(4);
    await expect.poll(() => trace.slice(7)).toEqual(["4", "turn"]);
  });

  it("handles nothing once it is stopped", async () => {
    const mailbox = open();
    mailbox.offer(1);
    mailbox.stop();
    mailbox.offer(2);
    await turn();
    expect(trace).toEqual([]);
    expect(mailbox.takeAll()).toEqual([1, 2]);
  });
});
