/** `channel:sync`: from the room's ring for those who listen, else from the owner (rule H1). */
import { type ChannelSynced, SYNC_LIMIT_MAX } from "../../protocol/requests.ts";
import { boundSynced, deniesAccess } from "../resuming.ts";
import type { Handler } from "./handler.ts";

export const sync: Handler<"channel:sync"> = async (request, asker, { rooms, router, meter }) => {
  const { channelId, afterSeq, epoch, limit = SYNC_LIMIT_MAX } = request;
  const { connection, userId, trace } = asker;
  const answered = (synced: ChannelSynced) => {
    if (!synced.more && !synced.reset)
      asker.afterAnswer(() => rooms.get(channelId)?.caughtUp(connection, synced));
    return { ok: true as const, ...synced };
  };
  const room = rooms.get(channelId);
  const listener = room?.listener(connection);
  // What the answer tells must not come once more behind it.
  if (listener?.state === "live") room?.release();
  const kept = listener && listener.state !== "muted" ? room?.sync(afterSeq, epoch, limit) : undefined;
  meter.answered(kept ? "ring" : "owner");
  if (kept) return answered(kept);
  const command = { type: "sync", by: userId, afterSeq, epoch, limit } as const;
  const answer = await router.askChannel(channelId, command, trace);
  if (answer.ok) {
    const { ok: _ok, ...synced } = answer;
    return answered(boundSynced(synced));
  }
  if (deniesAccess(answer.error.code)) rooms.leave(connection, channelId);
  return answer;
};
