/** What must hold when the cluster has come to rest, and what is allowed to be lost. */
import { user } from "../../actors/doubles.ts";
import type { EventRecord } from "../../actors/ports.ts";
import { nameOf, type Seen } from "./ledger.ts";
import type { Ack } from "./people.ts";
import type { World } from "./world.ts";

/** What one run came to. `lost`: acknowledged as logged, and gone as it may be. */
export type Tally = { acked: number; lost: number; moved: number; reset: number };

/** Adds to the violations of the world, unless one has ended the run. */
export async function judge(world: World): Promise<Tally> {
  const tally: Tally = { acked: world.people.acks.length, lost: 0, moved: 0, reset: 0 };
  if (world.violations.length > 0) return tally;
  if (!world.isSettled) world.violate("not at rest", unrest(world));
  for (const refusal of world.people.refusals) world.violate("refused for ever", refusal);
  const byClientId = rowsByClientId(world);
  for (const ack of world.people.acks) judgeAck(world, ack, byClientId.get(keyOf(ack)), tally);
  judgeOrder(world, byClientId);
  for (const seen of world.ledger.seen.values())
    if (seen.wasHeard && !seen.isInPostgres && !seen.wasForgotten)
      world.violate("heard and lost", nameOf(seen.record));
  if (!world.isSettled) return tally;
  tally.reset = await judgeResets(world);
  await judgeReach(world);
  if (world.violations.length === 0) await judgeTables(world);
  return tally;
}

function unrest(world: World): string {
  const nodes = world.nodes.map(({ id, isJoined, hasLeft, hasCrashed }) => ({
    id,
    isJoined,
    hasLeft,
    hasCrashed,
  }));
  const waiting = [...world.ledger.seen.values()].filter((seen) => seen.isInLog && !seen.isInPostgres);
  return `${world.people.open} requests are open, ${waiting.map(({ record }) => nameOf(record))} wait for Postgres, nodes ${JSON.stringify(nodes)}`;
}

const keyOf = ({ channelId, clientId }: Pick<Ack, "channelId" | "clientId">) => `${channelId} ${clientId}`;

function rowsByClientId(world: World): Map<string, EventRecord> {
  const found = new Map<string, EventRecord>();
  for (const rows of world.ledger.rows.values())
    for (const record of rows) {
      if (record.event.type !== "message:new") continue;
      found.set(keyOf({ channelId: record.channelId, clientId: record.event.message.clientId }), record);
    }
  return found;
}

/** Acked once, there for ever: under its seq, unless history was lost together with all who knew it. */
function judgeAck(world: World, ack: Ack, row: EventRecord | undefined, tally: Tally): void {
  if (row?.event.seq === ack.seq) return;
  const where = row ? `Postgres has ${nameOf(row)}` : "Postgres lacks it";
  const text = `${ack.durability} ${ack.clientId.slice(4, 8)} as ${ack.channelId.slice(-2)}#${ack.seq}; ${where}`;
  const decided = [...world.ledger.seen.values()].filter(({ record: { channelId, event } }) => {
    return channelId === ack.channelId && event.seq === ack.seq && isOf(event, ack);
  });
  if (ack.durability === "persisted") world.violate("persisted ack lost", text);
  else if (!decided.some((seen) => seen.wasForgotten)) world.violate("acked, never kept", text);
  else if (row) tally.moved++;
  else if (decided.some(isExcused)) tally.lost++;
  else world.violate("acked and lost", `${text}; held by ${decided.flatMap(holdersOf).join(", ")}`);
}

function isOf(event: EventRecord["event"], ack: Ack): boolean {
  return event.type === "message:new" && event.message.clientId === ack.clientId;
}

/** Redis lost it, and nobody was left who knew it. */
function isExcused({ wasForgotten, holders, released }: Seen): boolean {
  return wasForgotten && [...holders].every((node) => node.hasCrashed || node.hasLeft || released.has(node));
}

function holdersOf({ holders, released }: Seen): string[] {
  return [...holders].map((node) => {
    const fate = node.hasCrashed ? " (crashed)" : released.has(node) ? " (released)" : "";
    return `${node.id}${fate}`;
  });
}

/** One device's messages stand in a channel in the order in which they were sent. */
function judgeOrder(world: World, rows: Map<string, EventRecord>): void {
  const lastSeq = new Map<string, number>();
  for (const ack of world.people.acks) {
    const row = rows.get(keyOf(ack));
    if (row?.event.seq !== ack.seq) continue; // lost or moved, which is judged above
    const key = `${ack.device} ${ack.channelId}`;
    if (ack.seq <= (lastSeq.get(key) ?? 0))
      world.violate("out of order", `device ${ack.device}: ${nameOf(row)}`);
    lastSeq.set(key, ack.seq);
  }
}

/** Whoever stands on a branch that was lost is told to load anew (rule I1). */
async function judgeResets(world: World): Promise<number> {
  const lost = [...world.ledger.seen.values()].filter((seen) => seen.wasHeard && !seen.isInPostgres);
  const untilMs = world.scheduler.nowMs() + TABLES_WITHIN_MS;
  let waiting = lost.length;
  for (const { record } of lost) {
    const { channelId, epoch, event } = record;
    const node = world.nodes[0]!;
    const ask = async () => {
      const command = { type: "sync" as const, by: user(1), afterSeq: event.seq, epoch, limit: 1 };
      const answer = await node.router.askChannel(channelId, command);
      if (!answer.ok && world.scheduler.nowMs() < untilMs)
        return void node.machine.after(500, () => void ask());
      if (!answer.ok || answer.reset !== true)
        world.violate("not told", `${nameOf(record)}: ${JSON.stringify(answer)}`);
      waiting--;
    };
    node.machine.after(0, () => void ask());
  }
  await world.advance(() => waiting === 0);
  return lost.length;
}

/** Every channel is answered for on every node, soon. */
async function judgeReach(world: World): Promise<void> {
  const untilMs = world.scheduler.nowMs() + TABLES_WITHIN_MS;
  const pairs = world.nodes.flatMap((node) => [...world.ledger.rows.keys()].map((id) => ({ node, id })));
  let waiting = pairs.length;
  for (const { node, id } of pairs) {
    const ask = async () => {
      const answer = await node.router.askChannel(id, { type: "open", by: user(1) });
      if (!answer.ok && world.scheduler.nowMs() < untilMs)
        return void node.machine.after(500, () => void ask());
      if (!answer.ok) world.violate("out of reach", `${id.slice(-2)} from ${node.id}: ${answer.error.code}`);
      waiting--;
    };
    node.machine.after(0, () => void ask());
  }
  await world.advance(() => waiting === 0);
}

/** What is announced is read within this, milliseconds, and a shard on its way has arrived. */
const TABLES_WITHIN_MS = 10_000;

/** All nodes know one table: otherwise two of them take a shard from each other for ever. */
async function judgeTables(world: World): Promise<void> {
  const { nodes, plan, scheduler } = world;
  const shards = Array.from({ length: plan.shards }, (_, shard) => shard);
  const owners = () => nodes.map(({ table }) => shards.map((shard) => table.owner(shard)).join(" "));
  const isOne = () => new Set(owners()).size === 1;
  const untilMs = scheduler.nowMs() + TABLES_WITHIN_MS;
  await world.advance(() => isOne() || scheduler.nowMs() >= untilMs);
  if (!isOne()) world.violate("tables differ", owners().join(" | "));
}
