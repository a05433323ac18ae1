/** All of REST that is built, in the order of `docs/protocol.md`. */
import type { Route } from "../http/route.ts";
import { authRoutes } from "./auth.ts";
import { channelRoutes } from "./channels.ts";
import { dmRoutes } from "./dm.ts";
import { messageRoutes } from "./messages.ts";
import type { RestOptions } from "./rest-options.ts";
import { spaceRoutes } from "./spaces.ts";
import { syncRoutes } from "./sync.ts";
import { userRoutes } from "./users.ts";

export function restRoutes(options: RestOptions): Route[] {
  return [
    ...authRoutes(options),
    ...userRoutes(options),
    ...spaceRoutes(options),
    ...channelRoutes(options),
    ...messageRoutes(options),
    ...dmRoutes(options),
    ...syncRoutes(options),
  ];
}
