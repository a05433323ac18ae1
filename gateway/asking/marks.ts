/** How far people have read, in channels and in threads (rows C7, C12, D7). */
import { type ChannelId, type MessageId, parseMessageId } from "../../protocol/ids.ts";
import type { Answer } from "../../protocol/refusals.ts";
import { type Asking, type By, done } from "./asking.ts";
import { findMessage } from "./messages.ts";

type Unread = Answer<{ unread: number }>;

/** Everything up to `seq` is read. */
export function readUpTo(
  { router }: Asking,
  { userId, trace }: By,
  channelId: ChannelId,
  seq: number,
): Promise<Unread> {
  return router.askChannel(channelId, { type: "mark", by: userId, read: seq }, trace);
}

/** Everything up to `seq` has arrived. */
export async function deliveredUpTo(
  { router }: Asking,
  { userId, trace }: By,
  channelId: ChannelId,
  seq: number,
): Promise<Answer> {
  return done(await router.askChannel(channelId, { type: "mark", by: userId, delivered: seq }, trace));
}

/** Everything up to this message is read; of a reply: in its thread, where it is the one of its `ordinal`. */
export async function readMessage(asking: Asking, by: By, messageId: MessageId): Promise<Unread> {
  const found = await findMessage(asking, by, messageId);
  if (!found.ok) return found;
  const { channelId, seq, threadId, ordinal: readCount } = found.message;
  if (threadId === undefined) return readUpTo(asking, by, channelId, seq);
  const follow = { type: "follow", by: by.userId, seq: parseMessageId(threadId).seq, readCount } as const;
  return asking.router.askChannel(channelId, follow, by.trace);
}

/** Follows the thread that this message began, or no longer. */
export function followThread(
  { router }: Asking,
  { userId, trace }: By,
  threadId: MessageId,
  following: boolean,
): Promise<Unread> {
  const { channelId, seq } = parseMessageId(threadId);
  return router.askChannel(channelId, { type: "follow", by: userId, seq, following }, trace);
}
