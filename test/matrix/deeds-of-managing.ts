/** What people do with a channel, and with who is in it. */
import { type Deed, type Door, event, type Filled, inPath, ofChannel, route } from "./door.ts";
import type { World } from "./world.ts";

/** A time far ahead, never the same twice. */
const later = () => Date.now() + 86_400_000 + Math.floor(Math.random() * 86_400_000);

const PEOPLE: Record<string, Deed> = {
  invite: {
    logs: true,
    doors: [
      event("member:invite", (w) => ({ ...ofChannel(w), userId: w.newcomers[0].userId })),
      ...ofMembers("POST", (w) => ({ id: w.channelId, body: { userId: w.newcomers[1].userId } })),
    ],
  },
  "mute someone": {
    logs: true,
    doors: [
      event("member:update", (w) => ({
        ...ofChannel(w),
        userId: w.others[0].userId,
        mutedUntilMs: later(),
      })),
      ...ofMembers("PATCH", (w) => ({
        id: w.channelId,
        userId: w.others[0].userId,
        body: { mutedUntilMs: later() },
      })),
    ],
  },
  "give someone a role": {
    logs: true,
    doors: [
      event("member:update", (w) => ({ ...ofChannel(w), userId: w.others[0].userId, role: "guest" })),
      ...ofMembers("PATCH", (w) => ({
        id: w.channelId,
        userId: w.others[1].userId,
        body: { role: "guest" },
      })),
    ],
  },
  "put someone out": {
    logs: true,
    doors: [
      event("member:remove", (w) => ({ ...ofChannel(w), userId: w.others[0].userId })),
      ...ofMembers("DELETE", (w) => ({ id: w.channelId, userId: w.others[1].userId })),
    ],
  },
  "ban someone": {
    logs: true,
    doors: [
      event("member:remove", (w) => ({
        ...ofChannel(w),
        userId: w.others[0].userId,
        bannedUntilMs: null,
      })),
      ...ofMembers("DELETE", (w) => ({
        id: w.channelId,
        userId: w.others[1].userId,
        query: "?bannedUntilMs=forever",
      })),
    ],
  },
};

function ofMembers(method: "POST" | "PATCH" | "DELETE", fill: (world: World) => Filled): Door[] {
  return [route(`${method} /channels/:id/members${method === "POST" ? "" : "/:userId"}`, fill)];
}

const CHANGING: Record<string, Deed> = {
  rename: {
    logs: true,
    doors: [
      event("channel:update", (w) => ({ ...ofChannel(w), name: `${w.secret} two` })),
      route("PATCH /channels/:id", (w) => ({ id: w.channelId, body: { name: `${w.secret} three` } })),
    ],
  },
  "slow it down": {
    logs: true,
    doors: [
      event("channel:update", (w) => ({ ...ofChannel(w), settings: { slowModeSeconds: 1 } })),
      route("PATCH /channels/:id", (w) => ({
        id: w.channelId,
        body: { settings: { slowModeSeconds: 0 } },
      })),
    ],
  },
  archive: {
    logs: true,
    spoils: true,
    doors: [
      event("channel:update", (w) => ({ ...ofChannel(w), archived: true })),
      route("PATCH /channels/:id", (w) => ({ id: w.channelId, body: { archived: true } })),
    ],
  },
  "come in": {
    logs: true,
    spoils: true,
    doors: [event("channel:join", ofChannel), route("POST /channels/:id/join", inPath)],
  },
  leave: {
    logs: true,
    spoils: true,
    doors: [event("channel:leave", ofChannel), route("POST /channels/:id/leave", inPath)],
  },
};

/** Nothing that is no space can be had as one. */
export const AS_A_SPACE: Record<string, Deed> = {
  "look at it as a space": {
    doors: [route("GET /spaces/:id", inPath), route("GET /spaces/:id/members", inPath)],
  },
  "take it for a space": {
    doors: [
      route("PATCH /spaces/:id", (w) => ({ id: w.channelId, body: { name: "mine" } })),
      route("DELETE /spaces/:id", inPath),
      route("POST /spaces/:id/join", inPath),
      route("POST /spaces/:id/leave", inPath),
      route("POST /spaces/:id/members", (w) => ({
        id: w.channelId,
        body: { userId: w.newcomers[0].userId },
      })),
      route("PATCH /spaces/:id/members/:userId", (w) => ({
        id: w.channelId,
        userId: w.others[0].userId,
        body: { role: "guest" },
      })),
      route("DELETE /spaces/:id/members/:userId", (w) => ({
        id: w.channelId,
        userId: w.others[0].userId,
      })),
    ],
  },
};

/** In the order in which they are done where they are allowed: what spoils the world comes last. */
export const MANAGING = { ...PEOPLE, ...CHANGING };
