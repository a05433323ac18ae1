/** The rooms of a node and what they stand on: how connections are written to, and what is heard, in rooms and beside them. */
import type { ChannelId } from "../protocol/ids.ts";
import { roomOfSubscription, subscriptionOfRoom } from "./adapter/hub-adapter.ts";
import { Subscriptions } from "./adapter/subscriptions.ts";
import { WINDOW_MAX_MS } from "./broadcaster.ts";
import type { Connections } from "./connections.ts";
import type { GatewayMeter } from "./gateway-meter.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { News } from "./news.ts";
import { BudgetedOutlet } from "./outlet.ts";
import { Rooms } from "./rooms/rooms.ts";
import { channelPrefixOf } from "./socket-server.ts";

/** Rule S2: the longest window and 500 ms. */
export const GAP_GRACE_MS = WINDOW_MAX_MS + 500;
/** Bytes (about) that all rings of a node may hold. Chosen: 1,000 busy channels with 100 messages of 1 KB each. */
const RINGS_MAX_BYTES = 134_217_728;
/** Bytes that may wait for a slow reader, unless told otherwise. Chosen: a thousand messages. */
export const SLOW_CLIENT_BYTES = 262_144;
/** Over its budget for so long, a connection is ended: TCP gives up after minutes only. Chosen. */
const SLOW_CUT_MS = 15_000;

/** Nothing is heard before `news.bulletin.listen` and the first listener. */
export function createRooms(options: GatewayOptions, connections: Connections, meter: GatewayMeter) {
  const { router, clock, shardOf, redis, prefix, logger } = options;
  const { slowClientBytes = SLOW_CLIENT_BYTES, slowCutMs = SLOW_CUT_MS } = options;
  const channelPrefix = channelPrefixOf(prefix);
  const subscriptions = new Subscriptions(redis.subscriber, logger);
  const positionOf = (channelId: ChannelId) => rooms.get(channelId)?.position;
  const outlet = new BudgetedOutlet(connections, {
    budgetBytes: slowClientBytes,
    slowCutMs,
    meter,
    positionOf,
  });
  const rooms: Rooms = new Rooms({
    router,
    clock,
    outlet,
    meter,
    gapGraceMs: GAP_GRACE_MS,
    ringsMaxBytes: RINGS_MAX_BYTES,
    shardOf,
    renew: (channelId) => subscriptions.renew(subscriptionOfRoom(channelPrefix, channelId)),
  });
  const news = new News({ ...options, connections, rooms, outlet, subscriptions });
  subscriptions.onSubscribed((subscription) => {
    const room = roomOfSubscription(channelPrefix, subscription);
    if (room) rooms.subscribed(room as ChannelId);
    else news.subscribed(subscription);
  });
  return { rooms, outlet, subscriptions, news };
}
