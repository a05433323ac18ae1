/**
 * A client that comes back (row D5): what it missed in each channel, from the room's ring where that knows enough to judge,
 * else from the owner; and it listens to them again.
 */
import { type Router, StoreAway, type Trace } from "../actors/ports.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { type RefusalCode, refused } from "../protocol/refusals.ts";
import {
  type ChannelSynced,
  type ResumePoints,
  type SessionResumed,
  SYNC_LIMIT_MAX,
} from "../protocol/requests.ts";
import type { Connection } from "./connections.ts";
import type { Membership, Memberships } from "./ports.ts";
import { weightOf } from "./rooms/position.ts";
import { SYNC_BYTES_MAX } from "./rooms/room.ts";
import type { Entry, Rooms } from "./rooms/rooms.ts";
import type { Spaces, Standing } from "./rooms/spaces.ts";

/** Events that one resume answers over all its channels, about; the rest comes by `channel:sync` (`more`). */
const RESUME_EVENTS = 5_000;
const RESUME_EVENTS_OF_CHANNEL_MIN = 20;
/** And their bytes, about: one answer must not be what makes a reader slow. A channel gets one event at least. */
const RESUME_BYTES = 1_572_864;

/** Codes by which the owner says that someone may not listen, rather than that it cannot answer. */
const NO_ACCESS: readonly RefusalCode[] = ["not_a_member", "banned", "forbidden", "not_found"];

export function deniesAccess(code: RefusalCode): boolean {
  return NO_ACCESS.includes(code);
}

/** No more than about `maxBytes` of events, one at least: the rest with the next question. */
export function boundSynced(synced: ChannelSynced, maxBytes = SYNC_BYTES_MAX): ChannelSynced {
  let bytes = 0;
  const fit = synced.events.findIndex((event, i) => {
    bytes += weightOf(event);
    return i > 0 && bytes > maxBytes;
  });
  if (fit === -1) return synced;
  const events = synced.events.slice(0, fit);
  return { ...synced, events, seq: events.at(-1)!.seq, more: true };
}

export type ResumeOptions = {
  router: Router;
  rooms: Rooms;
  spaces: Pick<Spaces, "admits">;
  memberships: Pick<Memberships, "ofUser">;
  meter: {
    resumed(outcome: "resumed" | "reset" | "refused"): void;
    answered(source: "ring" | "owner"): void;
  };
};

/** One resume. Owners who have not answered after `withinMs` count as out of reach; absent: when the router gives up. */
export type ResumeAsked = ResumeOptions & { trace: Trace; withinMs?: number };

/** `afterwards` is called when the answer has been sent: only then do events of these channels follow. */
export type Resumed = { resumed: SessionResumed; afterwards(): void };

/**
 * `memberships`: as Postgres has them; undefined while it is away: then the owners alone are asked, and `joined` is empty.
 * A channel whose owner cannot be reached is in none of the lists: the client asks again.
 */
export async function resume(
  connection: Connection,
  points: ResumePoints,
  memberships: readonly Membership[] | undefined,
  options: ResumeAsked,
): Promise<Resumed> {
  const named = Object.entries(points) as [ChannelId, [number, number]][];
  const byId = new Map(memberships?.map((membership) => [membership.channel.id, membership]));
  const joined = [...byId.keys()].filter((id) => !Object.hasOwn(points, id));
  // Among what is named may be spaces, which are in no list of channels.
  const spaces = named.some(([id]) => !byId.has(id)) ? await spacesOf(connection.userId, options) : [];
  for (const space of spaces ?? []) byId.set(space.channel.id, space);
  const isListed = memberships !== undefined && spaces !== undefined;
  const share = Math.floor(RESUME_EVENTS / Math.max(1, named.length));
  const limit = Math.min(SYNC_LIMIT_MAX, Math.max(RESUME_EVENTS_OF_CHANNEL_MIN, share));
  const maxBytes = Math.min(SYNC_BYTES_MAX, Math.floor(RESUME_BYTES / Math.max(1, named.length)));
  const resumed: SessionResumed = {
    channels: {},
    joined,
    left: [],
  };
  const endings: (() => void)[] = [];
  const patience = patienceOf(options.withinMs);
  await Promise.all(
    named.map(async ([channelId, [seq, epoch]]) => {
      const point = { channelId, seq, epoch, limit, maxBytes, membership: byId.get(channelId) };
      const outcome =
        isListed && !point.membership ? "left" : await resumeOne(connection, point, { ...options, patience });
      if (outcome === "left") resumed.left.push(channelId);
      options.meter.resumed(
        typeof outcome === "string" ? "refused" : outcome.synced.reset ? "reset" : "resumed",
      );
      if (typeof outcome === "string") return;
      resumed.channels[channelId] = outcome.synced;
      endings.push(outcome.ending);
    }),
  );
  patience.end();
  const afterwards = () => {
    for (const ending of endings) ending();
  };
  return { resumed, afterwards };
}

/** Undefined while Postgres is away: then the owners alone are asked. */
async function spacesOf(
  userId: UserId,
  { memberships }: Pick<ResumeOptions, "memberships">,
): Promise<Membership[] | undefined> {
  try {
    return await memberships.ofUser(userId, { kind: "space" });
  } catch (error) {
    if (error instanceof StoreAway) return undefined;
    throw error;
  }
}

type Point = {
  channelId: ChannelId;
  seq: number;
  epoch: number;
  limit: number;
  maxBytes: number;
  membership: Membership | undefined;
};

async function resumeOne(
  connection: Connection,
  { channelId, seq, epoch, limit, maxBytes, membership }: Point,
  options: ResumeAsked & { patience: Patience },
): Promise<{ synced: ChannelSynced; ending: () => void } | "left" | "unknown"> {
  const { router, rooms, meter, trace, patience } = options;
  const entry = rooms.enter(connection, channelId);
  const { userId } = connection;
  const standing = await patience.atMost(standingIn(entry, connection, membership, options), "unknown");
  if (standing !== "member") {
    if (standing === "outsider") entry.refuse();
    else entry.withdraw();
    return standing === "outsider" ? "left" : "unknown";
  }
  if (membership && entry.room.vouchesFor(userId, membership.channel)) {
    const synced = entry.room.sync(seq, epoch, limit, maxBytes);
    if (synced && entry.allows(synced)) {
      meter.answered("ring");
      return { synced, ending: () => letIn(entry, synced) };
    }
  }
  meter.answered("owner");
  const command = { type: "sync", by: userId, afterSeq: seq, epoch, limit } as const;
  const answer = await patience.atMost(router.askChannel(channelId, command, trace), refused("unavailable"));
  if (!answer.ok) {
    const denied = deniesAccess(answer.error.code);
    if (denied) entry.refuse();
    else entry.withdraw();
    return denied ? "left" : "unknown";
  }
  if (!entry.allows(answer)) {
    entry.refuse();
    return "left";
  }
  const { ok: _ok, ...whole } = answer;
  const synced = boundSynced(whole, maxBytes);
  return { synced, ending: () => letIn(entry, synced) };
}

/** As the channel's space sees the person (rule E1). Whose membership is not at hand is asked of the owner, with the space. */
async function standingIn(
  { room }: Entry,
  { userId }: Connection,
  membership: Membership | undefined,
  { router, spaces, trace }: ResumeOptions & { trace: Trace },
): Promise<Standing> {
  if (membership) room.about.learn(membership.channel);
  else if (!room.about.isKnown) {
    const opened = await router.askChannel(room.channelId, { type: "open", by: userId }, trace);
    if (!opened.ok) return deniesAccess(opened.error.code) ? "outsider" : "unknown";
    room.about.learn(opened.channel);
  }
  return spaces.admits(room.about, userId);
}

type Patience = {
  /** What comes of it, or `otherwise` once the time is over. */
  atMost<T>(promise: Promise<T>, otherwise: T): Promise<T>;
  end(): void;
};

/** One time for all that is waited for. */
function patienceOf(withinMs: number | undefined): Patience {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    if (withinMs !== undefined) timer = setTimeout(resolve, withinMs).unref();
  });
  return {
    atMost: (promise, otherwise) => Promise.race([promise, over.then(() => otherwise)]),
    end: () => clearTimeout(timer),
  };
}

function letIn(entry: Entry, synced: ChannelSynced): void {
  if (synced.more || synced.reset) entry.openBehind(synced);
  else entry.open(synced);
}
