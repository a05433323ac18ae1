/**
 * `deliveries`: what the server spends to bring one message to one WebSocket listener, by three ways in the same run: a
 * bare loop that writes a ready frame (`floor`), this gateway's rooms (`gateway`), and `io.to().emit` (`emit`). The server
 * is this process; all listeners are another.
 */
import type { Socket as TcpSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeEvent } from "../gateway/adapter/frame.ts";
import { messageEvent, newChannel, newUser } from "../gateway/doubles.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { createStage, type Stage, type StagedGateway, tokenOf } from "../test/support/gateway-stage.ts";
import { startRedis } from "../test/support/redis.ts";
import type { Outcome } from "./figures.ts";
import { startBareServer } from "./load/bare-server.ts";
import { type Listeners, listenApart } from "./load/listeners.ts";

/**
 * `listeners` per way; messages a second at most, since each waits for the one before: no two share a turn, or a frame
 * unless the rate is above 100; seconds of each way in each round.
 */
export type DeliveriesOptions = { listeners: number; rate: number; seconds: number };

/** Each way is measured so often, in turn; its best counts, since what else the machine does only ever adds. */
const ROUNDS = 3;
/** Characters of a message. */
const SIZE = 200;
/** For what connecting left behind, and for the last frames of a round. */
const SETTLE_MS = 1_000;
const ARRIVED_WITHIN_MS = 5_000;
/** No ping falls into the run. */
const HEARTBEAT_MS = 600_000;

const WAYS = ["floor", "gateway", "emit"] as const;
type Way = (typeof WAYS)[number];
/** Brings one message to all listeners of the way. */
type Ways = Record<Way, () => void>;
/** `cpuUs`: microseconds of this process's CPU per message and listener. */
type Cost = { cpuUs: number; messagesPerFrame: number };

/** The target is of the design: fan-out at 1.3 × `floor` at most, at 20 to 40 messages a second. */
export async function deliveries(options: DeliveriesOptions): Promise<Outcome> {
  const redis = await startRedis({ aof: false });
  const stage = await createStage(redis.url, "bench");
  const bare = await startBareServer();
  try {
    const gateway = await stage.addGateway({ heartbeatMs: HEARTBEAT_MS });
    const [channelId, author] = [newChannel(), newUser()];
    const people = Array.from({ length: options.listeners }, newUser);
    stage.channels.create(channelId, [author, ...people]);
    stage.channels.say(channelId, author);
    const tokens = people.map((person) => tokenOf(person));
    const listeners = await listenApart({ gatewayUrl: gateway.url, bareUrl: bare.url, channelId, tokens });
    try {
      await sleep(SETTLE_MS);
      const ways = waysOf(stage, gateway, bare.sockets, channelId, author);
      return outcome(options, await measureAll(ways, listeners, options));
    } finally {
      listeners.stop();
    }
  } finally {
    await stage.close();
    await redis.stop();
    bare.close(); // last: the end of Redis alone holds no process open
  }
}

function outcome(options: DeliveriesOptions, { floor, gateway, emit }: Record<Way, Cost>): Outcome {
  return {
    bench: "deliveries",
    options,
    figures: [
      { name: "floor: CPU per delivery", value: floor.cpuUs, unit: "µs" },
      { name: "gateway: CPU per delivery", value: gateway.cpuUs, unit: "µs" },
      { name: "emit: CPU per delivery", value: emit.cpuUs, unit: "µs" },
      { name: "gateway", value: gateway.cpuUs / floor.cpuUs, unit: "× floor", target: { most: 1.3 } },
      { name: "emit", value: emit.cpuUs / floor.cpuUs, unit: "× floor" },
      { name: "gateway: messages per frame", value: gateway.messagesPerFrame, unit: "" },
    ],
    notes: [
      `${options.listeners} listeners, at most ${options.rate} messages/s of ${SIZE} characters, the best of ${ROUNDS} × ${options.seconds} s.`,
    ],
  };
}

function waysOf(
  stage: Stage,
  gateway: StagedGateway,
  bare: readonly TcpSocket[],
  channelId: ChannelId,
  author: UserId,
): Ways {
  const say = () => stage.channels.say(channelId, author, "x".repeat(SIZE));
  const envelope = () => ({
    channelId,
    epoch: 1,
    events: [messageEvent(channelId, 1, author, "x".repeat(SIZE))],
  });
  return {
    floor() {
      const { bytes } = encodeEvent("channel:events", envelope());
      for (const tcp of bare) tcp.write(bytes);
    },
    gateway: () => gateway.broadcaster.publish(channelId, 1, [say()]),
    emit: () => void gateway.io.local.to(channelId).emit("channel:events", envelope()),
  };
}

/** The best of all rounds. Throws where a listener did not get everything. */
async function measureAll(
  ways: Ways,
  listeners: Listeners,
  options: DeliveriesOptions,
): Promise<Record<Way, Cost>> {
  const best: Partial<Record<Way, Cost>> = {};
  await listeners.heard();
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of WAYS) {
      const cost = await measure(ways[way], listeners, options);
      if (cost.cpuUs < (best[way]?.cpuUs ?? Number.POSITIVE_INFINITY)) best[way] = cost;
    }
  }
  return best as Record<Way, Cost>;
}

async function measure(
  bring: () => void,
  listeners: Listeners,
  { listeners: count, rate, seconds }: DeliveriesOptions,
): Promise<Cost> {
  const cpu = process.cpuUsage();
  const untilMs = performance.now() + seconds * 1_000;
  let messages = 0;
  do {
    bring();
    messages += 1;
    await sleep(1_000 / rate);
  } while (performance.now() < untilMs);
  const frames = await framesOf(listeners, messages * count);
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: (user + system) / (messages * count), messagesPerFrame: (messages * count) / frames };
}

/** How many frames brought the `expected` events; resolves when all are there. */
async function framesOf(listeners: Listeners, expected: number): Promise<number> {
  const deadlineMs = performance.now() + ARRIVED_WITHIN_MS;
  for (let [events, frames] = [0, 0]; ; ) {
    const heard = await listeners.heard();
    events += heard.events;
    frames += heard.frames;
    if (events === expected) return frames;
    if (events > expected || performance.now() > deadlineMs)
      throw new Error(`listeners heard ${events} events, not ${expected}`);
    await sleep(50);
  }
}
