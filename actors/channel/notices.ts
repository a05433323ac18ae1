/** Whom a message is brought to the notice of, and why (rows C7, C10). Followers of a thread are told beside it: `followers.ts`. */
import type { UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { Notice } from "../commands.ts";
import type { Audience } from "./audience.ts";
import type { ToFollowers, ToPerson } from "./decision.ts";
import type { ChannelState } from "./state.ts";
import { unreadOf } from "./unread.ts";

/** The people whom a message concerns, by what it is to them. */
export type Concerned = {
  named: readonly UserId[];
  /** Who wrote the message that it answers. */
  replied?: UserId;
  /** Who began the thread, and follows it. */
  threadAuthor?: UserId;
  /** The other person of a dm. */
  other?: UserId;
};

/** One notice per person of the audience, for the first reason that holds: mention, reply, thread, dm. */
export function noticesOf(
  state: Readonly<ChannelState>,
  message: Message,
  audience: Audience,
  { named, replied, threadAuthor, other }: Concerned,
): ToPerson[] {
  const reasons = new Map<UserId, Notice["kind"]>();
  const tell = (kind: Notice["kind"], userId: UserId | undefined) => {
    if (userId && audience.has(userId) && !reasons.has(userId)) reasons.set(userId, kind);
  };
  for (const userId of named) tell("mention", userId);
  tell("reply", replied);
  tell("thread", threadAuthor);
  tell("dm", other);
  return [...reasons].map(([userId, kind]) => {
    const unread = unreadOf(state, userId, audience.get(userId)!, message);
    return { userId, notice: noticeOf(message, kind), ...(unread && { unread }) };
  });
}

/** For everyone else who follows the thread that the message is a reply in. */
export function toFollowersOf(message: Message, threadSeq: number, told: readonly ToPerson[]): ToFollowers {
  const except = [message.authorId, ...told.map(({ userId }) => userId)];
  return { seq: threadSeq, notice: noticeOf(message, "thread"), except };
}

function noticeOf({ id, channelId, authorId }: Message, kind: Notice["kind"]): Notice {
  return { kind, channelId, messageId: id, by: authorId };
}
