/** `/sync`: what became of the caller's channels since a time, or since the positions that they hold (row D6). */
import type { Opened } from "../../actors/commands.ts";
import type { Trace } from "../../actors/ports.ts";
import type { Position } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { Answer, Refused } from "../../protocol/refusals.ts";
import {
  type ChannelDifference,
  SYNC_ROWS_MAX,
  Synced,
  SyncQuery,
  SyncRequest,
} from "../../protocol/rest.ts";
import { type Route, route } from "../http/route.ts";
import { changedMessages } from "../reading.ts";
import type { RestOptions } from "./rest-options.ts";

/** Owners asked at once for one request. */
const CHANNELS_AT_ONCE = 8;

/** Channels that are worth one request more; and the most that one answer is worth, so that any number may be asked for. */
const CHANNELS_PER_REQUEST = 50;
const WORTH_MAX = 20;

/** Where a difference begins: a position that the caller holds, or a time. */
type Since = { position: Position } | { atMs: number };
/** Rows that the answer may still carry. Taken while channels are read side by side. */
type Budget = { rows: number };

export function syncRoutes(options: RestOptions): Route[] {
  return [
    route("GET /sync", {
      summary: "What changed in the caller's channels since a time (ISO 8601, or Unix ms)",
      query: SyncQuery,
      answer: Synced,
      async handle({ query, userId, trace }) {
        const atMs = options.nowMs();
        const mine = await options.memberships.ofUser(userId);
        const taken = await takeChannels(options, userId, mine.length);
        if (!taken.ok) return taken;
        const since = new Map(mine.map(({ channel }) => [channel.id, { atMs: query.since }]));
        return { ok: true, atMs, ...(await differences(options, userId, since, trace)), joined: [] };
      },
    }),
    route("POST /sync", {
      summary: "What changed in these channels since these positions",
      body: SyncRequest,
      answer: Synced,
      async handle({ body, userId, trace }) {
        const atMs = options.nowMs();
        const held = Object.entries(body.channels) as [ChannelId, Position][];
        const taken = await takeChannels(options, userId, held.length);
        if (!taken.ok) return taken;
        const mine = await options.memberships.ofUser(userId);
        const since = new Map(held.map(([id, position]) => [id, { position }]));
        const joined = mine.map(({ channel }) => channel.id).filter((id) => !since.has(id));
        return { ok: true, atMs, ...(await differences(options, userId, since, trace)), joined };
      },
    }),
  ];
}

/** Each channel asks its owner: many of them count as many requests. */
async function takeChannels(
  { accountRates }: RestOptions,
  userId: UserId,
  channels: number,
): Promise<Answer> {
  const worth = Math.min(WORTH_MAX, Math.floor(channels / CHANNELS_PER_REQUEST));
  return worth > 0 ? accountRates.takeRequest(userId, worth) : { ok: true };
}

/** One difference per channel; those that the caller may not read (any more) are `left`. */
async function differences(
  options: RestOptions,
  userId: UserId,
  since: ReadonlyMap<ChannelId, Since>,
  trace: Trace,
): Promise<Pick<Synced, "channels" | "left" | "unavailable">> {
  const found: Pick<Synced, "channels" | "left" | "unavailable"> = {
    channels: {},
    left: [],
    unavailable: [],
  };
  const budget: Budget = { rows: SYNC_ROWS_MAX };
  const waiting = [...since].values();
  async function work(): Promise<void> {
    // One iterator for all workers: each channel is taken once.
    for (const [id, from] of waiting) {
      const answer = await difference(options, userId, id, from, budget, trace);
      if (answer.ok) found.channels[id] = answer.difference;
      else if (answer.error.retry === "never") found.left.push(id);
      else found.unavailable.push(id);
    }
  }
  await Promise.all(Array.from({ length: CHANNELS_AT_ONCE }, work));
  return found;
}

async function difference(
  options: RestOptions,
  userId: UserId,
  id: ChannelId,
  since: Since,
  budget: Budget,
  trace: Trace,
): Promise<Answer<{ difference: ChannelDifference }>> {
  const opened = await options.router.askChannel(id, { type: "open", by: userId }, trace);
  if (!opened.ok) return opened;
  const { channel, membership, seq, epoch } = opened;
  const head = { channel, membership, seq, epoch };
  const ofReign =
    "position" in since ? await isOfThisHistory(options, userId, opened, since.position, trace) : true;
  if (typeof ofReign !== "boolean") return ofReign;
  const changed = ofReign ? await changes(options, opened, since, budget, trace) : undefined;
  if (changed && "error" in changed) return changed;
  const difference: ChannelDifference = changed
    ? { ...head, messages: changed }
    : { ...head, messages: [], reset: true };
  return { ok: true, difference };
}

/** The changed messages, or undefined when they are more than the answer may still carry. */
async function changes(
  { history, router }: RestOptions,
  opened: Opened,
  since: Since,
  budget: Budget,
  trace: Trace,
): Promise<Message[] | undefined | Refused> {
  const from = "position" in since ? { seq: since.position[0] } : since;
  if ("seq" in from && from.seq === opened.seq) return [];
  const by = opened.membership.userId;
  const changed = await changedMessages(history, opened, from, SYNC_ROWS_MAX, (seq) =>
    router.askChannel(opened.channel.id, { type: "message", by, seq }, trace),
  );
  if (changed && "error" in changed) return changed;
  if (changed === undefined || changed.length > budget.rows) return undefined;
  budget.rows -= changed.length;
  return changed;
}

/**
 * Does the position name an event of the channel's history (rule I1)? One of the present reign does; for an older one the
 * owner is asked, which answers `reset` for another history, and for what lies outside its window.
 */
async function isOfThisHistory(
  { router }: RestOptions,
  userId: UserId,
  opened: Opened,
  [seq, epoch]: Position,
  trace: Trace,
): Promise<boolean | Refused> {
  if (seq > opened.seq) return false;
  // Nothing is before the first event, whatever the reign.
  if (seq === 0 || epoch === opened.epoch) return true;
  const synced = await router.askChannel(
    opened.channel.id,
    { type: "sync", by: userId, afterSeq: seq, epoch, limit: 1 },
    trace,
  );
  return synced.ok ? synced.reset !== true : synced;
}
