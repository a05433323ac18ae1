/** A good request for every event: what tests of the table start from. A new event does not compile without one. */
import { v7 as uuidv7 } from "uuid";
import type { RequestName } from "../../protocol/requests.ts";

const channelId = "01890000-0000-7000-8000-000000000001";
const userId = "01890000-0000-7000-8000-000000000002";
const messageId = `${channelId}.1`;

/** Each satisfies its schema in `REQUESTS`. */
export const SAMPLES: Record<RequestName, Record<string, unknown>> = {
  "message:send": { channelId, clientId: uuidv7(), content: "hello" },
  "message:edit": { messageId, content: "hello" },
  "message:delete": { messageId },
  "message:pin": { messageId },
  "message:unpin": { messageId },
  "reaction:add": { messageId, emoji: "👍" },
  "reaction:remove": { messageId, emoji: "👍" },
  "channel:join": { channelId },
  "channel:open": { channelId },
  "channel:close": { channelId },
  "channel:leave": { channelId },
  "channel:sync": { channelId, afterSeq: 0 },
  "channel:read": { channelId, seq: 1 },
  "channel:delivered": { channelId, seq: 1 },
  "channel:update": { channelId },
  "member:invite": { channelId, userId },
  "member:update": { channelId, userId },
  "member:remove": { channelId, userId },
  "typing:start": { channelId },
  "typing:stop": { channelId },
  "presence:update": { status: "online" },
  "presence:watch": { userIds: [userId] },
  "presence:unwatch": { userIds: [userId] },
  "session:resume": { channels: {} },
  "health:check": {},
};
