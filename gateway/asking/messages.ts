/** What people do with messages (rows C3–C9). Each may reject with `StoreAway`. */
import type { Opened } from "../../actors/commands.ts";
import { type ChannelId, type MessageId, parseMessageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { type Answer, type Refused, refused } from "../../protocol/refusals.ts";
import type { MessageDraft, MessageEdit, MessageSent, React } from "../../protocol/requests.ts";
import { dmId } from "../../src/lib/dm-id.ts";
import { prepareEdit, prepareMessage } from "../preparing.ts";
import { type Asking, type By, done } from "./asking.ts";

/** Where a message goes. `pair`: the two people of the dm, which its first message creates. */
export type Target = { channelId: ChannelId; pair?: [UserId, UserId] };

export async function sendMessage(
  { router, accounts }: Asking,
  { userId, trace }: By,
  { channelId, pair }: Target,
  draft: MessageDraft,
): Promise<Answer<MessageSent>> {
  const message = await prepareMessage(draft, (names) => accounts.byUsernames(names));
  if ("error" in message) return message;
  const { attempt = 1, durability } = draft;
  return router.askChannel(
    channelId,
    { type: "send", by: userId, message, attempt, ...(durability && { durability }), ...(pair && { pair }) },
    trace,
  );
}

/** The dm of two people, whether it is there yet or not (rule E2). */
export async function dmWith(
  { userExists }: Pick<Asking, "userExists">,
  by: UserId,
  other: UserId,
): Promise<Required<Target> | Refused> {
  if (by === other) return refused("malformed", { message: "A dm has two people." });
  if (!(await userExists(other))) return refused("not_found");
  return { channelId: dmId<ChannelId>(by, other), pair: by < other ? [by, other] : [other, by] };
}

/** One message as the asker sees it. */
export function findMessage(
  { router }: Pick<Asking, "router">,
  { userId, trace }: By,
  messageId: MessageId,
): Promise<Answer<{ message: Message }>> {
  const { channelId, seq } = parseMessageId(messageId);
  return router.askChannel(channelId, { type: "message", by: userId, seq }, trace);
}

/** The same, and its channel with what Postgres lacks of it (rule H4). */
export async function openMessage(
  asking: Pick<Asking, "router">,
  by: By,
  messageId: MessageId,
): Promise<Answer<{ opened: Opened; message: Message }>> {
  const { channelId } = parseMessageId(messageId);
  const opened = await asking.router.askChannel(channelId, { type: "open", by: by.userId }, by.trace);
  if (!opened.ok) return opened;
  const found = await findMessage(asking, by, messageId);
  return found.ok ? { ok: true, opened, message: found.message } : found;
}

/** Asks for the message first: how a text is rendered, and how long it may be, follows from what it is. */
export async function editMessage(
  asking: Asking,
  by: By,
  { messageId, content }: MessageEdit,
): Promise<Answer<{ message: Message }>> {
  const found = await findMessage(asking, by, messageId);
  if (!found.ok) return found;
  const { router, accounts } = asking;
  const html = await prepareEdit(found.message, content, (names) => accounts.byUsernames(names));
  if (typeof html !== "string") return html;
  const { channelId, seq } = found.message;
  return router.askChannel(channelId, { type: "edit", by: by.userId, seq, content, html }, by.trace);
}

export async function deleteMessage(asking: Asking, by: By, messageId: MessageId): Promise<Answer> {
  const { channelId, seq } = parseMessageId(messageId);
  return deleteSeqs(asking, by, channelId, [seq]);
}

/** Many of one channel, in one event (row C6). Messages of another are `malformed`. */
export async function deleteMessages(
  asking: Asking,
  by: By,
  channelId: ChannelId,
  messageIds: readonly MessageId[],
): Promise<Answer> {
  const named = messageIds.map(parseMessageId);
  if (named.some((message) => message.channelId !== channelId))
    return refused("malformed", { message: "All messageIds must be of the one channel." });
  return deleteSeqs(asking, by, channelId, [...new Set(named.map(({ seq }) => seq))]);
}

async function deleteSeqs(
  { router }: Asking,
  { userId, trace }: By,
  channelId: ChannelId,
  seqs: number[],
): Promise<Answer> {
  return done(await router.askChannel(channelId, { type: "delete", by: userId, seqs }, trace));
}

export async function pinMessage(
  { router }: Asking,
  { userId, trace }: By,
  messageId: MessageId,
  pinned: boolean,
): Promise<Answer> {
  const { channelId, seq } = parseMessageId(messageId);
  return done(await router.askChannel(channelId, { type: "pin", by: userId, seq, pinned }, trace));
}

/** `on`: the reaction is put on the message, else taken away. */
export function react(
  { router }: Asking,
  { userId, trace }: By,
  { messageId, emoji }: React,
  on: boolean,
): Promise<Answer<{ count: number }>> {
  const { channelId, seq } = parseMessageId(messageId);
  return router.askChannel(channelId, { type: "react", by: userId, seq, emoji, on }, trace);
}
