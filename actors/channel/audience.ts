/** Who may be told of what someone says: active members with no block between the two (rows N2, P7). */
import type { UserId } from "../../protocol/ids.ts";
import type { EventRecord } from "../ports.ts";
import { blockBetween, type FactKey } from "./facts.ts";
import { knownMember } from "./members.ts";
import type { ChannelState } from "./state.ts";
import { mentionsNeeded, type Reading } from "./unread.ts";

/** People who may be told, and what they have read. */
export type Audience = ReadonlyMap<UserId, Reading>;

/**
 * Those of `userIds` who may be told of what `by` says now, once `before` has happened. What must be fetched is put into `need`:
 * their rows, and whether there is a block between them and `by`.
 */
export function audienceOf(
  state: Readonly<ChannelState>,
  { by, before }: { by: UserId; before: readonly EventRecord[] },
  userIds: Iterable<UserId>,
  nowMs: number,
  need: FactKey[],
): Audience {
  const audience = new Map<UserId, Reading>();
  for (const userId of new Set(userIds)) {
    // Nobody is told of what they say themselves.
    if (userId === by) continue;
    const newcomer = joinedIn(before, userId);
    const facts = knownMember(state.members, userId);
    if (!newcomer && facts && facts.member?.status !== "active") continue;
    const missing = newcomer ? undefined : readingNeeded(state, userId, facts);
    if (missing) need.push(missing);
    const isBlocked = blockBetween(state.facts, userId, by, nowMs);
    if (isBlocked === undefined) need.push({ fact: "block", userId, other: by });
    const reading = newcomer ?? facts;
    if (reading && isBlocked === false) audience.set(userId, reading);
  }
  return audience;
}

/** What must be fetched to tell what a person has read; undefined: nothing. */
function readingNeeded(
  state: Readonly<ChannelState>,
  userId: UserId,
  facts: Reading | undefined,
): FactKey | undefined {
  if (facts === undefined) return { fact: "member", userId };
  return facts.mentions === undefined ? mentionsNeeded(state, userId, facts.readSeq) : undefined;
}

/** What someone has read who comes in with `before`, into a channel where nobody has said anything. */
function joinedIn(before: readonly EventRecord[], userId: UserId): Reading | undefined {
  for (const { event } of before) {
    if (event.type === "member:joined" && event.member.userId === userId)
      return { readSeq: event.seq, readCount: 0, mentions: 0 };
  }
  return undefined;
}
