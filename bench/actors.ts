/** `actors`: memory of idle channel and session actors, and what one channel takes. In memory only: no log, no store, no network. */
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ChannelCommand } from "../actors/commands.ts";
import { channel, client, said, user } from "../actors/doubles.ts";
import type { ChannelRow, LogRecord, MemberRow, Reign, ShardActors } from "../actors/ports.ts";
import { createStartActors } from "../actors/shard-actors.ts";
import type { World } from "../actors/world.ts";
import type { ChannelId, ConnectionId, UserId } from "../protocol/ids.ts";
import type { Answer } from "../protocol/refusals.ts";
import type { Outcome } from "./figures.ts";

/** The cluster's shards, on one node. */
const SHARDS = 256;
/** Each with one member in its cache. */
const CHANNELS = 10_000;
const PEOPLE = 1_000;
const SENDS = 200_000;
/** Asked and not yet answered: as many as one mailbox takes comfortably. */
const IN_FLIGHT = 512;
/** Sends between two flushes, by which a channel may forget. */
const FLUSH_EVERY = 1_000;

const LET_GO_MS = 200;

/** The target is of the design: 10,000 idle actors take 40 MB at most. */
export async function actors(): Promise<Outcome> {
  const sessions = await idle(attachAll);
  const { heapBytes, activationMs } = await idle(openAll);
  const { perSecond, cpuMs } = await busy();
  return {
    bench: "actors",
    options: {},
    figures: [
      {
        name: `heap of ${CHANNELS.toLocaleString("en")} idle channel actors`,
        value: heapBytes / 1e6,
        unit: "MB",
        target: { most: 40 },
      },
      { name: "heap of one", value: Math.round(heapBytes / CHANNELS), unit: "bytes" },
      { name: "activation in memory", value: activationMs * 1_000, unit: "µs" },
      { name: "heap of one session actor", value: Math.round(sessions.heapBytes / CHANNELS), unit: "bytes" },
      { name: "one channel: sends", value: Math.round(perSecond), unit: "/s" },
      { name: "one channel: CPU per send", value: cpuMs * 1_000, unit: "µs" },
    ],
  };
}

/** Wakes as many actors as there are channels. `activationMs` is of each, all asked for at once. */
async function idle(
  wakeAll: (shards: readonly ShardActors[]) => Promise<void>,
): Promise<{ heapBytes: number; activationMs: number }> {
  const collect = garbageCollector();
  const start = createStartActors(world);
  const shards = await Promise.all(Array.from({ length: SHARDS }, (_, n) => start(openGate(n), [])));
  const beforeBytes = heapUsed(collect);
  const fromMs = performance.now();
  await wakeAll(shards.map((shard) => shard.actors));
  const activationMs = (performance.now() - fromMs) / CHANNELS;
  const heapBytes = heapUsed(collect) - beforeBytes;
  for (const shard of shards) shard.actors.end();
  // nact lets go of what was stopped in turns of its own; the next measurement must not see that.
  await pause(LET_GO_MS);
  return { heapBytes, activationMs };
}

async function openAll(shards: readonly ShardActors[]): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: CHANNELS }, (_, n) =>
      ask(shards[n % SHARDS]!, channel(n + 1), { type: "open", by: user(n % PEOPLE) }),
    ),
  );
  for (const answer of answers) accepted(answer);
}

/** As many people, each on one device. */
async function attachAll(shards: readonly ShardActors[]): Promise<void> {
  const node = "node-0.1f0c2a9b";
  const attached = (n: number) =>
    new Promise<Answer>((resolve) => {
      const connectionId = `Zr8e0gYbW5${n}` as ConnectionId;
      const connections = [{ connectionId, device: "phone", sinceMs: n, activeAtMs: Date.now() }];
      shards[n % SHARDS]!.askUser(user(n), { type: "attach", node, connections }, resolve);
    });
  for (const answer of await Promise.all(Array.from({ length: CHANNELS }, (_, n) => attached(n))))
    accepted(answer);
}

/** Many people write into one channel, each without a pause. */
async function busy(): Promise<{ perSecond: number; cpuMs: number }> {
  const gate = openGate(0);
  const { actors: shard } = await createStartActors(world)(gate, []);
  const id = channel(1);
  let sent = 0;
  const write = async (by: UserId) => {
    while (sent < SENDS) {
      const n = ++sent;
      if (n % FLUSH_EVERY === 0) gate.flush(shard);
      accepted(await ask(shard, id, { type: "send", by, message: said(client(n)), attempt: 1 }));
    }
  };
  const cpu = process.cpuUsage();
  const fromMs = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => write(user(n))));
  const seconds = (performance.now() - fromMs) / 1_000;
  const spent = process.cpuUsage(cpu);
  shard.end();
  return { perSecond: SENDS / seconds, cpuMs: (spent.user + spent.system) / 1_000 / SENDS };
}

function ask(shard: ShardActors, id: ChannelId, command: ChannelCommand): Promise<Answer> {
  return new Promise((resolve) => shard.askChannel(id, command, resolve));
}

function accepted(answer: Answer): void {
  if (!answer.ok) throw new Error(`an actor refused: ${JSON.stringify(answer.error)}`);
}

/** V8's own, without a flag on the command line: a context made after the flag is set has it. */
function garbageCollector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}

/** Twice: what the first round finalises, the second one frees. */
function heapUsed(collect: () => void): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** A gate that confirms at once, and says what it got is in Postgres when asked. */
function openGate(shard: number): Reign & { flush(actors: ShardActors): void } {
  let records: LogRecord[] = [];
  return {
    shard,
    epoch: 4,
    hasRoom: () => true,
    enter(entered, release) {
      records.push(...entered);
      release();
    },
    whenFlushed: (then) => then(),
    flush(shardActors) {
      shardActors.flushed(records);
      records = [];
    },
  };
}

/** A store in which every channel exists and everyone is a member. */
const world: World = {
  facts: {
    channel: async (id) => rowOf(id),
    heads: async () => new Map(),
    member: async (_channelId, userId) => memberOf(userId),
    sent: async () => undefined,
    message: async () => undefined,
    reactions: async () => ({ emojis: [], asOfSeq: 40 }),
    pins: async () => ({ seqs: [], asOfSeq: 40 }),
    follow: async () => undefined,
    followers: async () => [],
    blockBetween: async () => false,
    ordinalAt: async () => 0,
    mentionsAfter: async () => ({ mentions: 0, asOfSeq: 40 }),
  },
  people: {
    person: async () => ({ status: "online", blocked: [], blockedBy: [] }),
    seen: async () => undefined,
  },
  nodeNews: { outOfSpace: async () => true, isTold: () => true, follow: () => () => undefined },
  router: {
    askChannel: async () => ({ ok: true }) as never,
    askUser: async () => ({ ok: true }) as never,
  },
  broadcaster: { publish: () => undefined, signal: () => undefined },
  devices: { tellUser: () => undefined, tellViewers: () => undefined, replace: () => undefined },
  clock: { nowMs: Date.now },
  meter: {
    stage: () => undefined,
    mailboxRejected: () => undefined,
    crashed: () => undefined,
    events: () => undefined,
  },
  timers: { nowMs: () => performance.now(), every: () => () => undefined },
  alarm: ({ error }) => console.error(error),
};

function rowOf(id: ChannelId): ChannelRow {
  const name = `channel ${id.slice(-6)}`;
  return {
    channel: { id, kind: "group", name, settings: {}, archived: false, seq: 40, epoch: 3, memberCount: 10 },
    messageCount: 30,
    lastAtMs: 1,
    lastMessageAtMs: 1,
    reigns: [[1, 3]],
  };
}

function memberOf(userId: UserId): MemberRow {
  return {
    member: { userId, role: "member", status: "active", joinedAtMs: 1 },
    lastSentAtMs: 0,
    deliveredSeq: 0,
    readSeq: 0,
    readCount: 0,
    mentions: 0,
    asOfSeq: 40,
  };
}
