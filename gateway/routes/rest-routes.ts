/** All of REST that is built, in the order of `docs/protocol.md`. */
import type { Route } from "../http/route.ts";
import { authRoutes } from "./auth.ts";
import { blockRoutes } from "./blocks.ts";
import { channelRoutes } from "./channels.ts";
import { dmRoutes } from "./dm.ts";
import { messageRoutes } from "./messages.ts";
import { reactionRoutes } from "./reactions.ts";
import { receiptRoutes } from "./receipts.ts";
import type { RestOptions } from "./rest-options.ts";
import { searchRoutes } from "./search.ts";
import { settingsRoutes } from "./settings.ts";
import { spaceRoutes } from "./spaces.ts";
import { syncRoutes } from "./sync.ts";
import { threadRoutes } from "./threads.ts";
import { userRoutes } from "./users.ts";

export function restRoutes(options: RestOptions): Route[] {
  return [
    ...authRoutes(options),
    ...userRoutes(options),
    ...settingsRoutes(options),
    ...blockRoutes(options),
    ...spaceRoutes(options),
    ...channelRoutes(options),
    ...messageRoutes(options),
    ...reactionRoutes(options),
    ...threadRoutes(options),
    ...receiptRoutes(options),
    ...dmRoutes(options),
    ...syncRoutes(options),
    ...searchRoutes(options),
  ];
}
