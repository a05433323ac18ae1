/** The whole client API on one screen: every event of the protocol, what handles it, and what it counts as. */
import { refused } from "../../protocol/refusals.ts";
import type { RequestName } from "../../protocol/requests.ts";
import type { Handler } from "./handler.ts";
import { close, join, leave, open } from "./listening.ts";
import { delivered, invite, read } from "./members.ts";
import { send } from "./sending.ts";
import { checkHealth, resumeSession } from "./session.ts";
import { sync } from "./syncing.ts";

/** Of the protocol, but not offered by this server. */
const unsupported = async () => refused("unsupported");

/** Schemas are in `REQUESTS`, under the same names. Every event counts against the connection's rate; a send against the person's too. */
export const HANDLERS: { readonly [E in RequestName]: Handler<E> } = {
  "message:send": send,
  "message:edit": unsupported,
  "message:delete": unsupported,
  "message:pin": unsupported,
  "message:unpin": unsupported,
  "reaction:add": unsupported,
  "reaction:remove": unsupported,
  "channel:join": join,
  "channel:open": open,
  "channel:close": close,
  "channel:leave": leave,
  "channel:sync": sync,
  "channel:read": read,
  "channel:delivered": delivered,
  "channel:update": unsupported,
  "member:invite": invite,
  "member:update": unsupported,
  "member:remove": unsupported,
  "typing:start": unsupported,
  "typing:stop": unsupported,
  "presence:update": unsupported,
  "presence:watch": unsupported,
  "presence:unwatch": unsupported,
  "session:resume": resumeSession,
  "health:check": checkHealth,
};
