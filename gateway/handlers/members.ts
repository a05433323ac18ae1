/** `member:*` and `channel:update`; and how far a member has got: `channel:read`, `channel:delivered`. */
import { changeMember, inviteMember, removeMember, updateChannel } from "../asking/channels.ts";
import { deliveredUpTo, readUpTo } from "../asking/marks.ts";
import type { Handler } from "./handler.ts";

export const update: Handler<"channel:update"> = (request, asker, surroundings) =>
  updateChannel(surroundings, asker, request);

export const invite: Handler<"member:invite"> = (request, asker, surroundings) =>
  inviteMember(surroundings, asker, request);

export const change: Handler<"member:update"> = (request, asker, surroundings) =>
  changeMember(surroundings, asker, request);

export const putOut: Handler<"member:remove"> = (request, asker, surroundings) =>
  removeMember(surroundings, asker, request);

/** Marks of a large channel are the gateway's first (rule H5). */
export const read: Handler<"channel:read"> = async ({ channelId, seq }, asker, surroundings) => {
  const { readMarks } = surroundings;
  if (readMarks.keeps(asker.connection, channelId, seq)) return { ok: true, unread: 0 };
  return readUpTo(surroundings, asker, channelId, readMarks.furthest(asker.connection, channelId, seq));
};

export const delivered: Handler<"channel:delivered"> = async ({ channelId, seq }, asker, surroundings) =>
  surroundings.readMarks.endsHere(asker.connection, channelId)
    ? { ok: true }
    : deliveredUpTo(surroundings, asker, channelId, seq);
