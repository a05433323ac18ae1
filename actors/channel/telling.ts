/** What a channel says once it is in the log: to who asked, and, with nothing waiting for it, to people's session actors. */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import { type Reply, StoreAway } from "../ports.ts";
import type { World } from "../world.ts";
import type { Decision, ToFollowers } from "./decision.ts";

/** Followers told of one reply. Chosen: each is a question to a session actor, and a thread is no channel. */
const FOLLOWERS_TOLD_MAX = 500;

/** Answers at once; that someone is out of the space only when every node has heard it (rule E1). */
export function give(
  { nodeNews }: Pick<World, "nodeNews">,
  channelId: ChannelId,
  { answer, outOfSpace }: Pick<Decision, "answer" | "outOfSpace">,
  reply: Reply,
): void {
  if (outOfSpace === undefined) reply(answer);
  else
    void nodeNews
      .outOfSpace(channelId, outOfSpace)
      .then((isHeard) => reply(isHeard ? answer : refused("unavailable")));
}

type Telling = Pick<World, "facts" | "router" | "alarm">;

/** Tells whom a decision names, and then who follows the thread that it is about. */
export function tell(
  world: Telling,
  channelId: ChannelId,
  { notices = [], followersOf }: Pick<Decision, "notices" | "followersOf">,
): void {
  for (const { userId, ...said } of notices) void world.router.askUser(userId, { type: "notify", ...said });
  if (followersOf) void tellFollowers(world, channelId, followersOf);
}

/**
 * Tells active members who follow the thread, with no block between them and the author. Never rejects: while Postgres is away nobody is
 * told, and a defect is the operator's to hear of, since the reply itself is in the log.
 */
async function tellFollowers(
  { facts, router, alarm }: Telling,
  channelId: ChannelId,
  { seq, notice, except }: ToFollowers,
): Promise<void> {
  const mayHear = async (userId: UserId) => {
    const [row, isBlocked] = await Promise.all([
      facts.member(channelId, userId),
      facts.blockBetween(userId, notice.by),
    ]);
    return row?.member.status === "active" && !isBlocked;
  };
  try {
    const followers = await facts.followers(channelId, seq, FOLLOWERS_TOLD_MAX);
    const others = followers.filter((userId) => !except.includes(userId));
    const hearing = await Promise.all(others.map(mayHear));
    for (const [i, userId] of others.entries())
      if (hearing[i]) void router.askUser(userId, { type: "notify", notice });
  } catch (error) {
    if (!(error instanceof StoreAway)) alarm({ kind: "channel", id: channelId, error, isClosed: false });
  }
}
