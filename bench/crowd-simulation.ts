/**
 * What the gateway's own code does for a crowd that no one machine has sockets for: the real room and outlet, and connections
 * that count what they are given and check its order, instead of writing it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Frame } from "../gateway/adapter/frame.ts";
import { type Connection, Connections } from "../gateway/connections.ts";
import { memoryChannels, messageEvent, newChannel, newUser } from "../gateway/doubles.ts";
import { BudgetedOutlet } from "../gateway/outlet.ts";
import { Room } from "../gateway/rooms/room.ts";

/** `cpuNs`: per frame and listener. `heapBytes`: of one listener in the room. `turnMs`: the longest that a message held the loop. */
export type Simulated = {
  listeners: number;
  cpuNs: number;
  messagesPerFrame: number;
  heapBytes: number;
  turnMs: number;
  /** Events that were not the next ones of their listener, or did not come. */
  wrong: number;
};

const RATE = 20;
const MESSAGES = 60;
const BUDGET_BYTES = 262_144;
/** What is gathered goes out within it. */
const SETTLE_MS = 500;

/** As a connection is to a room: it reads where the last event of each frame stands. */
class Counting {
  frames = 0;
  seq = 0;
  readonly connection: Connection;
  #wrong = 0;

  constructor(n: number) {
    const lane = { offer: (frame: Frame) => this.#take(frame) };
    const socket = { join() {}, leave() {} };
    this.connection = {
      id: `connection-${n}`,
      userId: newUser(),
      listening: new Set(),
      owedBehind: new Set(),
      lane,
      socket,
    } as unknown as Connection;
  }

  wrongBefore(last: number): number {
    return this.#wrong + Math.abs(last - this.seq);
  }

  #take(frame: Frame): boolean {
    this.frames += 1;
    const [first, last] = seqsOf(frame);
    if (first !== this.seq + 1) this.#wrong += 1;
    this.seq = last;
    return true;
  }
}

/** Read once per frame, not once per listener. */
let read: { frame: Frame; seqs: [number, number] } | undefined;
function seqsOf(frame: Frame): [number, number] {
  if (read?.frame !== frame) {
    const [, { events }] = JSON.parse(frame.text.slice(1)) as [string, { events: { seq: number }[] }];
    read = { frame, seqs: [events[0]!.seq, events.at(-1)!.seq] };
  }
  return read.seqs;
}

/** A room as a gateway has it, for a channel that nobody else is in. */
function roomAlone(): Room {
  const meter = {
    delivered() {},
    skipped() {},
    duplicate() {},
    gap() {},
    asked() {},
    lagging() {},
    waitingBytes() {},
  };
  const outlet = new BudgetedOutlet(new Connections(), {
    budgetBytes: BUDGET_BYTES,
    slowCutMs: 15_000,
    meter,
    positionOf: () => room.position,
  });
  const room: Room = new Room(newChannel(), {
    router: memoryChannels(),
    clock: { nowMs: Date.now },
    outlet,
    meter,
    budget: { usedBytes: 0, maxBytes: 64 * 2 ** 20 },
    gapGraceMs: 600,
    renew() {},
    emptied() {},
  });
  return room;
}

export async function simulateCrowd(count: number): Promise<Simulated> {
  const room = roomAlone();
  const { channelId } = room;
  const author = newUser();
  const listeners = Array.from({ length: count }, (_, n) => new Counting(n));
  const before = process.memoryUsage().heapUsed;
  for (const { connection } of listeners) room.open(room.enter(connection), { seq: 0, epoch: 1 });
  const heapBytes = (process.memoryUsage().heapUsed - before) / count;
  const cpu = process.cpuUsage();
  let turnMs = 0;
  for (let seq = 1; seq <= MESSAGES; seq++) {
    const fromMs = performance.now();
    room.hear({ epoch: 1, events: [messageEvent(channelId, seq, author, "a message to a crowd")] });
    turnMs = Math.max(turnMs, performance.now() - fromMs);
    await sleep(1_000 / RATE);
  }
  await sleep(SETTLE_MS);
  const { user, system } = process.cpuUsage(cpu);
  const frames = listeners.reduce((sum, each) => sum + each.frames, 0);
  const wrong = listeners.reduce((sum, each) => sum + each.wrongBefore(MESSAGES), 0);
  room.close();
  return {
    listeners: count,
    cpuNs: ((user + system) * 1_000) / frames,
    messagesPerFrame: (MESSAGES * count) / frames,
    heapBytes,
    turnMs,
    wrong,
  };
}
