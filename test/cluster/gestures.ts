/** What people do with messages beside sending them, in turn: modest, and about what they have just seen. */
import type { Change } from "../../bench/load/client-channel.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { Reader } from "./reader.ts";

/** So far behind the last message nobody answers, reacts or pins any more: what is deleted there is in nobody's hands. */
const OLD = 12;
/** Replies under one message: then a new thread begins. */
const REPLIES_MAX = 6;
const PINS_MAX = 3;
const EMOJIS = ["👍", "🎉", "🙂"];

/** Among gestures, the one that 0.1.0 knows. */
export const READ_MARK = 2;

const isStanding = ({ deletedAtMs, threadId }: Message) =>
  deletedAtMs === undefined && threadId === undefined;

/** Where the next reply goes: on in the last thread, or under the last message; undefined: nothing was said yet. */
export function threadToReplyIn(reader: Reader): Message | undefined {
  const recent = reader.messages.filter(isStanding).slice(-OLD / 2);
  return recent.find(({ replyCount }) => replyCount > 0 && replyCount < REPLIES_MAX) ?? recent.at(-1);
}

/** The `k`-th gesture of one client. None where nothing fits. */
export function gesture(k: number, channelId: ChannelId, reader: Reader, isOwner: boolean): Change[] {
  const { me } = reader.fold;
  const standing = reader.messages.filter(isStanding);
  const recent = standing.slice(-OLD / 2);
  const last = recent.at(-1);
  if (last === undefined) return [];
  const emoji = EMOJIS[k % EMOJIS.length]!;
  switch (k % 8) {
    case 0:
      return [{ name: "reaction:add", payload: { messageId: last.id, emoji } }];
    case 1: {
      const mine = recent.findLast(({ authorId }) => authorId === me);
      if (mine === undefined) return [];
      return [
        { name: "message:edit", payload: { messageId: mine.id, content: `${mine.content}, edited (${k})` } },
      ];
    }
    case READ_MARK:
      return [{ name: "channel:read", payload: { channelId, seq: Math.max(0, reader.fold.seq - (k % 5)) } }];
    case 3:
      return [
        { name: "typing:start", payload: { channelId } },
        { name: "typing:stop", payload: { channelId } },
      ];
    case 4:
      return takeBack(recent);
    case 5:
      return isOwner ? pins(standing, last) : [];
    case 6:
      return recent
        .slice(0, 2)
        .map(({ id }) => ({ name: "reaction:add", payload: { messageId: id, emoji } }));
    default: {
      const isForgotten = (message: Message) => message.authorId === me && message.replyCount === 0;
      const old = standing.slice(0, -OLD).findLast(isForgotten);
      return old ? [{ name: "message:delete", payload: { messageId: old.id } }] : [];
    }
  }
}

/** A reaction of one's own, the last one. */
function takeBack(recent: readonly Message[]): Change[] {
  for (const { id, reactions } of recent.toReversed()) {
    const mine = reactions.find((reaction) => reaction.me);
    if (mine) return [{ name: "reaction:remove", payload: { messageId: id, emoji: mine.emoji } }];
  }
  return [];
}

function pins(standing: readonly Message[], last: Message): Change[] {
  const pinned = standing.filter((message) => message.pinned);
  const [first] = pinned;
  const pin: Change = { name: "message:pin", payload: { messageId: last.id } };
  if (pinned.length < PINS_MAX || first === undefined) return [pin];
  return [pin, { name: "message:unpin", payload: { messageId: first.id } }];
}
