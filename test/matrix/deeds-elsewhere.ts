/** What people do that is about no channel: accounts, themselves, each other. The standing matters only where it is a block. */
import { v7 as uuidv7 } from "uuid";
import { askRoute, type Deed, event, route } from "./door.ts";
import { type Heard, newUsername } from "./site.ts";
import type { World } from "./world.ts";

const toOther = (w: World) => ({ id: w.others[0].userId });

/** The other person is connected: whoever may see it does. */
function seesOnline({ text }: Heard): boolean {
  return text.includes('"status":"online"');
}

export const ELSEWHERE: Record<string, Deed> = {
  "see oneself": {
    doors: [
      route("GET /users/me"),
      route("GET /users/me/settings"),
      route("GET /users/me/blocks"),
      event("health:check", () => ({})),
    ],
  },
  "change oneself": {
    doors: [
      route("PATCH /users/me", () => ({ body: { displayName: "Another" } })),
      route("PATCH /users/me/settings", () => ({ body: { digest: "daily" } })),
      route("PUT /users/me/keys", () => ({ body: { keyId: "two", algorithm: "x25519", key: "BBBB" } })),
      event("presence:update", () => ({ status: "online" })),
    ],
  },
  "look someone up": {
    doors: [route("GET /users/:id", toOther), route("GET /users/:id/keys", toOther)],
  },
  "find someone by name": {
    doors: [route("GET /users/search", (w) => ({ query: `?q=${w.others[0].username}` }))],
    shows: ({ text }, w) => text.includes(w.others[0].userId),
  },
  "see that someone is online": {
    doors: [
      route("GET /users/:id/presence", toOther),
      event("presence:watch", (w) => ({ userIds: [w.others[0].userId] })),
    ],
    shows: seesOnline,
  },
  "look away": { doors: [event("presence:unwatch", (w) => ({ userIds: [w.others[0].userId] }))] },
  "block someone": {
    doors: [
      route("PUT /users/:id/block", (w) => ({ id: w.newcomers[1].userId })),
      route("DELETE /users/:id/block", (w) => ({ id: w.newcomers[1].userId })),
    ],
  },
  "write to someone": {
    doors: [
      event("message:send", (w) => ({
        userId: w.others[0].userId,
        clientId: uuidv7(),
        content: "hello",
      })),
      route("POST /dm", (w) => ({ body: { userId: w.others[0].userId } })),
    ],
  },
  "make a space, or a channel of no space": {
    doors: [
      route("POST /spaces", () => ({ body: { name: "mine" } })),
      route("POST /channels", () => ({ body: { kind: "private", name: "mine" } })),
      route("POST /channels", () => ({ body: { kind: "group" } })),
    ],
  },
  "register and log in": {
    doors: [
      route("POST /auth/register", (w) => ({
        body: { username: newUsername(), password: w.person.password },
      })),
      route("POST /auth/login", ({ person: { username, password } }) => ({
        body: { login: username, password },
      })),
    ],
  },
  "end a log-in": {
    doors: [
      {
        through: "POST /auth/refresh",
        async knock({ person }) {
          const body = { refreshToken: person.refreshToken };
          const heard = await askRoute(person, "POST /auth/refresh", { body });
          person.refreshToken = heard.body.refreshToken as string;
          return heard;
        },
      },
      route("POST /auth/logout", ({ person: { refreshToken } }) => ({ body: { refreshToken } })),
    ],
  },
  // The last of all: it ends every log-in of the asker.
  "end all of one's log-ins": { doors: [route("POST /auth/revoke-all")] },
};
