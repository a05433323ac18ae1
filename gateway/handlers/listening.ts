/** `channel:join`, `channel:open`, `channel:close`, `channel:leave`: into a room and out of it (rule H2). */
import { refused } from "../../protocol/refusals.ts";
import { composeRecent, RECENT_LIMIT } from "../reading.ts";
import { deniesAccess } from "../resuming.ts";
import type { Handler } from "./handler.ts";

/** Muted before the owner is asked, unmuted right behind the answer: nothing is missed, nothing comes before it. */
function listening(type: "join" | "open"): Handler<"channel:join"> & Handler<"channel:open"> {
  return async ({ channelId }, { connection, userId, trace, afterAnswer }, { rooms, router, history }) => {
    const entry = rooms.enter(connection, channelId);
    let end: () => void = entry.withdraw;
    try {
      const opened = await router.askChannel(channelId, { type, by: userId }, trace);
      if (!opened.ok) {
        if (deniesAccess(opened.error.code)) end = entry.refuse;
        return opened;
      }
      const recent = await composeRecent(history, opened, RECENT_LIMIT);
      if (!entry.allows(opened)) {
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

/** The rooms act on the event, when it is relayed: here as on every other node. */
export const leave: Handler<"channel:leave"> = async ({ channelId }, { userId, trace }, { router }) => {
  const answer = await router.askChannel(channelId, { type: "leave", by: userId }, trace);
  return answer.ok ? { ok: true } : answer;
};
