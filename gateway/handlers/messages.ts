/** `message:*` and `reaction:*`: what people do with messages (rows C3–C9). */
import type { UserId } from "../../protocol/ids.ts";
import { type Refused, refused } from "../../protocol/refusals.ts";
import {
  deleteMessage,
  deleteMessages,
  dmWith,
  editMessage,
  pinMessage,
  react,
  sendMessage,
} from "../asking/messages.ts";
import type { Handler, Surroundings } from "./handler.ts";

/** To a channel, or to a person, whose dm the first message creates (row C3). */
export const send: Handler<"message:send"> = async (request, asker, surroundings) => {
  const limited = await takeMessage(surroundings, asker.userId);
  if (limited) return limited;
  const { channelId, userId: other, ...draft } = request;
  const to = channelId ? { channelId } : await dmWith(surroundings, asker.userId, other!);
  return "error" in to ? to : sendMessage(surroundings, asker, to, draft);
};

/** Rendering an edit costs what rendering a message does, and counts as one. */
export const edit: Handler<"message:edit"> = async (request, asker, surroundings) =>
  (await takeMessage(surroundings, asker.userId)) ?? editMessage(surroundings, asker, request);

export const remove: Handler<"message:delete"> = (request, asker, surroundings) =>
  "messageId" in request
    ? deleteMessage(surroundings, asker, request.messageId)
    : deleteMessages(surroundings, asker, request.channelId, request.messageIds);

export const pin: Handler<"message:pin"> = ({ messageId }, asker, surroundings) =>
  pinMessage(surroundings, asker, messageId, true);

export const unpin: Handler<"message:unpin"> = ({ messageId }, asker, surroundings) =>
  pinMessage(surroundings, asker, messageId, false);

export const addReaction: Handler<"reaction:add"> = (request, asker, surroundings) =>
  react(surroundings, asker, request, true);

export const removeReaction: Handler<"reaction:remove"> = (request, asker, surroundings) =>
  react(surroundings, asker, request, false);

async function takeMessage({ rates }: Surroundings, userId: UserId): Promise<Refused | undefined> {
  const taken = await rates.takeMessage(userId);
  return taken.ok ? undefined : refused("rate_limited", { retryAfterMs: taken.retryAfterMs });
}
