/** `message:send`: to a channel, or to a person, whose dm the first message creates (row C3). */
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { type Refused, refused } from "../../protocol/refusals.ts";
import { dmId } from "../../src/lib/dm-id.ts";
import { prepareMessage } from "../preparing.ts";
import type { Handler, Surroundings } from "./handler.ts";

export const send: Handler<"message:send"> = async (request, { userId, trace }, surroundings) => {
  const { router, rates, accounts } = surroundings;
  const taken = await rates.takeMessage(userId);
  if (!taken.ok) return refused("rate_limited", { retryAfterMs: taken.retryAfterMs });
  const { channelId: named, userId: other, ...draft } = request;
  const to = named ? { channelId: named } : await dmWith(userId, other!, surroundings);
  if ("error" in to) return to;
  const message = await prepareMessage(draft, (names) => accounts.byUsernames(names));
  if ("error" in message) return message;
  const { attempt = 1, durability } = draft;
  const { channelId, pair } = to;
  return router.askChannel(
    channelId,
    { type: "send", by: userId, message, attempt, ...(durability && { durability }), ...(pair && { pair }) },
    trace,
  );
};

type Target = { channelId: ChannelId; pair?: [UserId, UserId] };

async function dmWith(by: UserId, other: UserId, { userExists }: Surroundings): Promise<Target | Refused> {
  if (by === other) return refused("malformed", { message: "A dm has two people." });
  if (!(await userExists(other))) return refused("not_found");
  return { channelId: dmId<ChannelId>(by, other), pair: by < other ? [by, other] : [other, by] };
}
