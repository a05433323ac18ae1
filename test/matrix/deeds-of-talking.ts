/** What people do in a channel: read it, mark what they have read, and say something. */
import { v7 as uuidv7 } from "uuid";
import { type Deed, event, inPath, ofChannel, route, tells } from "./door.ts";

const content = "another text";
/** A page of the channel, one message of it: everything by which people read. */
const READING: Record<string, Deed> = {
  "open it": {
    doors: [
      event("channel:open", ofChannel),
      event("channel:sync", (w) => ({ ...ofChannel(w), afterSeq: 0 })),
      route("GET /channels/:id", inPath),
      route("GET /channels/:id/messages", inPath),
      route("GET /channels/:id/members", inPath),
      route("GET /channels/:id/present", inPath),
      route("GET /channels/:id/pins", inPath),
      route("GET /channels/:id/receipts", (w) => ({
        id: w.channelId,
        query: `?messageId=${w.theirs[0]}`,
      })),
      route("GET /channels/:id/messages/search", (w) => ({ id: w.channelId, query: `?q=${w.secret}` })),
    ],
  },
  "read a message": {
    doors: [
      route("GET /messages/:id", (w) => ({ id: w.theirs[0] })),
      route("GET /messages/:id/reactions", (w) => ({ id: w.theirs[0] })),
      route("GET /threads/:id/messages", (w) => ({ id: w.theirs[0] })),
    ],
  },
  "read how one's own was edited": {
    doors: [route("GET /messages/:id/history", (w) => ({ id: w.own[0] }))],
  },
  "read how another's was edited": {
    doors: [route("GET /messages/:id/history", (w) => ({ id: w.theirs[0] }))],
  },
  "resume it": {
    doors: [event("session:resume", (w) => ({ channels: { [w.channelId]: [0, 0] } }))],
    shows: tells,
  },
  "search everywhere": {
    doors: [route("GET /search", (w) => ({ query: `?q=${w.secret}` }))],
    shows: tells,
  },
  "stop listening": { doors: [event("channel:close", ofChannel)] },
};

const MARKING: Record<string, Deed> = {
  "mark as read": {
    doors: [
      event("channel:read", (w) => ({ ...ofChannel(w), seq: 1 })),
      event("channel:delivered", (w) => ({ ...ofChannel(w), seq: 1 })),
    ],
  },
  "mark a message as read": { doors: [route("PUT /messages/:id/read", (w) => ({ id: w.theirs[0] }))] },
  "follow a thread": {
    doors: [route("PUT /threads/:id/follow", (w) => ({ id: w.theirs[0], body: { following: true } }))],
  },
  "choose what to be told": {
    doors: [route("PATCH /channels/:id/members/me", (w) => ({ id: w.channelId, body: { notify: "none" } }))],
  },
};

const WRITING: Record<string, Deed> = {
  send: {
    logs: true,
    doors: [
      event("message:send", (w) => ({ ...ofChannel(w), clientId: uuidv7(), content })),
      route("POST /channels/:id/messages", (w) => ({
        id: w.channelId,
        body: { clientId: uuidv7(), content },
      })),
    ],
  },
  "edit one's own": {
    logs: true,
    doors: [
      event("message:edit", (w) => ({ messageId: w.own[0], content })),
      route("PATCH /messages/:id", (w) => ({ id: w.own[0], body: { content: "a third text" } })),
    ],
  },
  "edit another's": {
    logs: true,
    doors: [
      event("message:edit", (w) => ({ messageId: w.theirs[0], content })),
      route("PATCH /messages/:id", (w) => ({ id: w.theirs[0], body: { content } })),
    ],
  },
  "delete one's own": {
    logs: true,
    doors: [
      event("message:delete", (w) => ({ messageId: w.own[1] })),
      route("DELETE /messages/:id", (w) => ({ id: w.own[2] })),
    ],
  },
  "delete another's": {
    logs: true,
    doors: [
      event("message:delete", (w) => ({ messageId: w.theirs[5] })),
      route("DELETE /messages/:id", (w) => ({ id: w.theirs[6] })),
    ],
  },
  "delete several of another's": {
    logs: true,
    doors: [
      event("message:delete", (w) => ({ ...ofChannel(w), messageIds: w.theirs.slice(7, 9) })),
      route("POST /channels/:id/messages/delete", (w) => ({
        id: w.channelId,
        body: { messageIds: w.theirs.slice(9, 11) },
      })),
    ],
  },
  react: {
    logs: true,
    doors: [
      event("reaction:add", (w) => ({ messageId: w.theirs[0], emoji: "🎉" })),
      route("POST /messages/:id/reactions", (w) => ({ id: w.theirs[0], body: { emoji: "🚀" } })),
    ],
  },
  "take a reaction back": {
    logs: true,
    doors: [
      event("reaction:remove", (w) => ({ messageId: w.theirs[0], emoji: "👍" })),
      route("DELETE /messages/:id/reactions", (w) => ({
        id: w.theirs[0],
        query: `?emoji=${encodeURIComponent("👎")}`,
      })),
    ],
  },
  pin: {
    logs: true,
    doors: [
      event("message:pin", (w) => ({ messageId: w.theirs[1] })),
      route("PUT /messages/:id/pin", (w) => ({ id: w.theirs[2] })),
    ],
  },
  unpin: {
    logs: true,
    doors: [
      event("message:unpin", (w) => ({ messageId: w.theirs[3] })),
      route("DELETE /messages/:id/pin", (w) => ({ id: w.theirs[4] })),
    ],
  },
  type: { doors: [event("typing:start", ofChannel), event("typing:stop", ofChannel)] },
};

/** In the order in which they are done where they are allowed. */
export const TALKING = { ...READING, ...MARKING, ...WRITING };
