/** `channel:join`, `channel:open`, `channel:close`, `channel:leave`: into a room and out of it (rule H2). */
import { refused } from "../../protocol/refusals.ts";
import { leaveChannel } from "../asking/channels.ts";
import { composeRecent, RECENT_LIMIT } from "../reading.ts";
import { deniesAccess } from "../resuming.ts";
import type { Handler } from "./handler.ts";

/** Muted before the owner is asked, unmuted right behind the answer: nothing is missed, nothing comes before it. */
function listening(type: "join" | "open"): Handler<"channel:join"> & Handler<"channel:open"> {
  return async ({ channelId }, { connection, userId, trace, afterAnswer }, surroundings) => {
    const { rooms, router, history, spaces } = surroundings;
    const entry = rooms.enter(connection, channelId);
    let end: () => void = entry.withdraw;
    try {
      const opened = await router.askChannel(channelId, { type, by: userId }, trace);
      if (!opened.ok) {
        if (deniesAccess(opened.error.code)) end = entry.refuse;
        return opened;
      }
      entry.room.about.learn(opened.channel);
      const standing = await spaces.admits(opened.channel, userId);
      if (standing === "unknown") return refused("unavailable");
      const recent = await composeRecent(history, opened, RECENT_LIMIT);
      if (standing === "outsider" || !entry.allows(opened)) {
        end = entry.refuse;
        return refused("not_a_member");
      }
      const { channel, membership, seq, epoch } = opened;
      end = () => afterAnswer(() => entry.open({ seq, epoch }));
      return { ok: true, channel, membership, recent, seq, epoch };
    } finally {
      end();
    }
  };
}

export const join: Handler<"channel:join"> = listening("join");
export const open: Handler<"channel:open"> = listening("open");

export const close: Handler<"channel:close"> = async ({ channelId }, { connection }, { rooms }) => {
  rooms.leave(connection, channelId);
  return { ok: true };
};

export const leave: Handler<"channel:leave"> = ({ channelId }, asker, surroundings) =>
  leaveChannel(surroundings, asker, channelId);
