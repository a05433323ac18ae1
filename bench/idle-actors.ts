/**
 * What actors cost: memory of 10,000 idle channels with a member each in their cache, and commands per second through one
 * channel. In memory only: no log, no store. Run: `node --expose-gc bench/idle-actors.ts`
 */
import type { ChannelCommand } from "../actors/commands.ts";
import { channel, client, said, user } from "../actors/doubles.ts";
import type { ChannelRow, LogRecord, MemberRow, Reign, ShardActors } from "../actors/ports.ts";
import { createStartActors } from "../actors/shard-actors.ts";
import type { World } from "../actors/world.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { Answer } from "../protocol/refusals.ts";

const CHANNELS = 10_000;
const SHARDS = 256;
const SENDS = 200_000;
/** Asked and not yet answered: as many as one mailbox takes comfortably. */
const IN_FLIGHT = 512;

function rowOf(id: ChannelId): ChannelRow {
  const name = `channel ${id.slice(-6)}`;
  return {
    channel: { id, kind: "group", name, settings: {}, archived: false, seq: 40, epoch: 3, memberCount: 10 },
    messageCount: 30,
    lastAtMs: 1,
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
  };
}

const world: World = {
  facts: {
    channel: async (id) => rowOf(id),
    heads: async () => new Map(),
    member: async (_channelId, userId) => memberOf(userId),
    sent: async () => undefined,
    ordinalAt: async () => 0,
  },
  router: { askChannel: async () => ({ ok: true }) as never },
  broadcaster: { publish: () => undefined },
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

/** A gate that confirms at once and gives what it got to `flush` when asked. */
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
    flush(actors) {
      actors.flushed(records);
      records = [];
    },
  };
}

const start = createStartActors(world);
const ask = (actors: ShardActors, id: ChannelId, command: ChannelCommand) =>
  new Promise<Answer>((resolve) => actors.askChannel(id, command, resolve));
function heapMiB(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

async function idle(): Promise<void> {
  const shards = await Promise.all(Array.from({ length: SHARDS }, (_, n) => start(openGate(n), [])));
  const before = heapMiB();
  const startedMs = performance.now();
  const opened = Array.from({ length: CHANNELS }, (_, n) =>
    ask(shards[n % SHARDS]!.actors, channel(n + 1), { type: "open", by: user(n % 1_000) }),
  );
  const refusals = (await Promise.all(opened)).filter((answer) => !answer.ok).length;
  opened.length = 0;
  const activationMs = (performance.now() - startedMs) / CHANNELS;
  const mib = heapMiB() - before;
  const memory = `${CHANNELS} idle channel actors: ${mib.toFixed(1)} MiB, ${((mib * 1_048_576) / CHANNELS).toFixed(0)} bytes each`;
  console.log(`${memory}; activation ${(activationMs * 1_000).toFixed(0)} µs each; ${refusals} refusals`);
  for (const { actors } of shards) actors.end();
}

async function throughput(): Promise<void> {
  const gate = openGate(0);
  const { actors } = await start(gate, []);
  const id = channel(1);
  let next = 0;
  const sender = async (by: UserId) => {
    while (next < SENDS) {
      const n = ++next;
      if (n % 1_000 === 0) gate.flush(actors);
      const answer = await ask(actors, id, {
        type: "send",
        by,
        message: said(client(n), "hello"),
        attempt: 1,
      });
      if (!answer.ok) throw new Error(answer.error.code);
    }
  };
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, n) => sender(user(n))));
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user: userUs, system } = process.cpuUsage(cpu);
  console.log(
    `one channel: ${Math.round(SENDS / seconds)} sends/s, ${((userUs + system) / SENDS).toFixed(1)} µs of CPU each`,
  );
  actors.end();
}

if (globalThis.gc === undefined) console.error("run with --expose-gc: without it, memory is not comparable");
await idle();
await throughput();
process.exit(0);
