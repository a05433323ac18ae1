/** A gateway whose lease has lapsed asks nobody: what waited in its sockets while it was frozen may be answered elsewhere by now (rule S1). */
import type { Router } from "../../actors/ports.ts";
import { refused } from "../../protocol/refusals.ts";
import type { Lease } from "../cluster/shard-host.ts";

/** `router` while the lease holds; else every request is `unavailable`, and the client sends again. */
export function whileLeased(router: Router, lease: Lease): Router {
  return {
    askChannel: async (channelId, command, trace) =>
      lease.holds() ? router.askChannel(channelId, command, trace) : refused("unavailable"),
    askUser: async (userId, command, trace) =>
      lease.holds() ? router.askUser(userId, command, trace) : refused("unavailable"),
    heads: (channelIds) => router.heads(channelIds),
  };
}
