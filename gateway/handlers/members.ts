/** `member:invite`, and how far a member has got: `channel:read`, `channel:delivered`. */
import { refused } from "../../protocol/refusals.ts";
import type { Handler } from "./handler.ts";

export const invite: Handler<"member:invite"> = async (
  request,
  { userId, trace },
  { router, userExists },
) => {
  const { channelId, ...invited } = request;
  if (!(await userExists(invited.userId))) return refused("not_found");
  return router.askChannel(channelId, { type: "invite", by: userId, ...invited }, trace);
};

export const read: Handler<"channel:read"> = ({ channelId, seq }, { userId, trace }, { router }) =>
  router.askChannel(channelId, { type: "mark", by: userId, read: seq }, trace);

export const delivered: Handler<"channel:delivered"> = async (
  { channelId, seq },
  { userId, trace },
  { router },
) => {
  const answer = await router.askChannel(channelId, { type: "mark", by: userId, delivered: seq }, trace);
  return answer.ok ? { ok: true } : answer;
};
