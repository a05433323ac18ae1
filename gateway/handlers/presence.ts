/** `presence:update`, `presence:watch`, `presence:unwatch`: how a person looks to others, and whom they look at (rows P3, P4). */
import { refused } from "../../protocol/refusals.ts";
import { WATCHED_MAX } from "../presence.ts";
import type { Handler } from "./handler.ts";

/** Postgres first: whoever takes the session actor over reads it there (rule E4). */
export const updatePresence: Handler<"presence:update"> = async (
  { status, text },
  { userId, trace },
  { people, router },
) => {
  const chosen = { status, ...(text && { text }) };
  await people.choosePresence(userId, chosen);
  const answer = await router.askUser(userId, { type: "choose", ...chosen }, trace);
  return answer.ok ? { ok: true } : answer;
};

export const watchPresence: Handler<"presence:watch"> = async ({ userIds }, { connection }, { watches }) => {
  const presences = await watches.watch(connection, userIds);
  if (presences) return { ok: true, presences };
  return refused("too_large", { message: `A connection watches at most ${WATCHED_MAX} people.` });
};

export const unwatchPresence: Handler<"presence:unwatch"> = async (
  { userIds },
  { connection },
  { watches },
) => {
  watches.unwatch(connection, userIds);
  return { ok: true };
};
