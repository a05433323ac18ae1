/** The gateway's half of `crowd`: one channel with ever more listeners, by real sockets, against a bare loop of writes. */
import { setTimeout as sleep } from "node:timers/promises";
import { encodeEvent } from "../gateway/adapter/frame.ts";
import { messageEvent, newChannel, newUser } from "../gateway/doubles.ts";
import { createStage, type Stage, type StagedGateway, tokenOf } from "../test/support/gateway-stage.ts";
import { startRedis } from "../test/support/redis.ts";
import { type BareServer, startBareServer } from "./load/bare-server.ts";
import { type Listeners, listenApart } from "./load/listeners.ts";

/** `cpuUs`: of this process, per frame and listener. `messagesPerFrame`: more than 1 in a crowd, whose frames are gathered. */
export type FanOut = { listeners: number; cpuUs: number; messagesPerFrame: number; floorUs: number };

/** Listeners of one process: so that neither side has more open than it may. */
const PER_PROCESS = 1_250;
const RATE = 20;
/** Characters of a message. */
const SIZE = 200;
const SETTLE_MS = 1_000;
const ARRIVED_WITHIN_MS = 10_000;
/** No ping falls into the run. */
const HEARTBEAT_MS = 600_000;

/** One after the other, so that never more sockets than `listeners` are open; each way for so many seconds. */
export async function fanOut(counts: readonly number[], seconds: number): Promise<FanOut[]> {
  const redis = await startRedis({ aof: false });
  const stage = await createStage(redis.url, "bench");
  const bare = await startBareServer();
  try {
    const results: FanOut[] = [];
    for (const count of counts) {
      const gateway = await stage.addGateway({ heartbeatMs: HEARTBEAT_MS });
      const through = await throughGateway(stage, gateway, count, seconds);
      await gateway.close();
      const floor = await throughLoop(bare, count, seconds);
      results.push({ listeners: count, ...through, floorUs: floor.cpuUs });
    }
    return results;
  } finally {
    await stage.close();
    await redis.stop();
    bare.close();
  }
}

async function throughGateway(stage: Stage, gateway: StagedGateway, count: number, seconds: number) {
  const [channelId, author] = [newChannel(), newUser()];
  const people = Array.from({ length: count }, newUser);
  stage.channels.channels.clear();
  stage.channels.create(channelId, [author, ...people]);
  stage.channels.say(channelId, author);
  const tokens = people.map((person) => tokenOf(person));
  const listeners = await listenInShares({ gatewayUrl: gateway.url, channelId }, tokens);
  const say = () => stage.channels.say(channelId, author, "x".repeat(SIZE));
  return measure(() => gateway.broadcaster.publish(channelId, 1, [say()]), listeners, count, seconds);
}

async function throughLoop(bare: BareServer, count: number, seconds: number) {
  const channelId = newChannel();
  const first = bare.sockets.length;
  const listeners = await listenInShares({ bareUrl: bare.url, channelId }, Array<string>(count).fill(""));
  const sockets = bare.sockets.slice(first);
  const event = messageEvent(channelId, 1, newUser(), "x".repeat(SIZE));
  const write = () => {
    const { bytes } = encodeEvent("channel:events", { channelId, epoch: 1, events: [event] });
    for (const tcp of sockets) tcp.write(bytes);
  };
  return measure(write, listeners, count, seconds);
}

function listenInShares(
  where: { gatewayUrl?: string; bareUrl?: string; channelId: string },
  tokens: string[],
): Promise<Listeners[]> {
  const shares: string[][] = [];
  for (let from = 0; from < tokens.length; from += PER_PROCESS)
    shares.push(tokens.slice(from, from + PER_PROCESS));
  return Promise.all(shares.map((share) => listenApart({ ...where, tokens: share })));
}

/** Throws where a listener did not get everything. Ends the listeners. */
async function measure(bring: () => void, listeners: Listeners[], count: number, seconds: number) {
  try {
    await sleep(SETTLE_MS);
    await heardBy(listeners);
    const cpu = process.cpuUsage();
    const untilMs = performance.now() + seconds * 1_000;
    let messages = 0;
    for (; performance.now() < untilMs; messages++) {
      bring();
      await sleep(1_000 / RATE);
    }
    const frames = await framesOf(listeners, messages * count);
    const { user, system } = process.cpuUsage(cpu);
    return { cpuUs: (user + system) / frames, messagesPerFrame: (messages * count) / frames };
  } finally {
    for (const each of listeners) each.stop();
  }
}

async function framesOf(listeners: readonly Listeners[], expected: number): Promise<number> {
  const deadlineMs = performance.now() + ARRIVED_WITHIN_MS;
  for (let [events, frames] = [0, 0]; ; ) {
    const heard = await heardBy(listeners);
    events += heard.events;
    frames += heard.frames;
    if (events === expected) return frames;
    if (events > expected || performance.now() > deadlineMs)
      throw new Error(`listeners heard ${events} events, not ${expected}`);
    await sleep(50);
  }
}

async function heardBy(listeners: readonly Listeners[]): Promise<{ events: number; frames: number }> {
  const sum = { events: 0, frames: 0 };
  for (const { events, frames } of await Promise.all(listeners.map((each) => each.heard()))) {
    sum.events += events;
    sum.frames += frames;
  }
  return sum;
}
