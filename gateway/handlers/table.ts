/** The whole client API on one screen: every event of the protocol, what handles it, and what it counts as. */
import type { RequestName } from "../../protocol/requests.ts";
import type { Handler } from "./handler.ts";
import { close, join, leave, open } from "./listening.ts";
import { change, delivered, invite, putOut, read, update } from "./members.ts";
import { addReaction, edit, pin, remove, removeReaction, send, unpin } from "./messages.ts";
import { unwatchPresence, updatePresence, watchPresence } from "./presence.ts";
import { checkHealth, resumeSession } from "./session.ts";
import { sync } from "./syncing.ts";
import { startTyping, stopTyping } from "./typing.ts";

/** Schemas are in `REQUESTS`, under the same names. Every event counts against the connection's rate; sends and edits against the person's too. */
export const HANDLERS: { readonly [E in RequestName]: Handler<E> } = {
  "message:send": send,
  "message:edit": edit,
  "message:delete": remove,
  "message:pin": pin,
  "message:unpin": unpin,
  "reaction:add": addReaction,
  "reaction:remove": removeReaction,
  "channel:join": join,
  "channel:open": open,
  "channel:close": close,
  "channel:leave": leave,
  "channel:sync": sync,
  "channel:read": read,
  "channel:delivered": delivered,
  "channel:update": update,
  "member:invite": invite,
  "member:update": change,
  "member:remove": putOut,
  "typing:start": startTyping,
  "typing:stop": stopTyping,
  "presence:update": updatePresence,
  "presence:watch": watchPresence,
  "presence:unwatch": unwatchPresence,
  "session:resume": resumeSession,
  "health:check": checkHealth,
};
