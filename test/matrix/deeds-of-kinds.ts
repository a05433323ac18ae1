/** What differs by the kind of channel: its lists, and that a space has doors of its own. */
import { AS_A_SPACE, MANAGING } from "./deeds-of-managing.ts";
import { TALKING } from "./deeds-of-talking.ts";
import { type Deed, type Door, event, route, tells } from "./door.ts";

import type { Kind } from "./world.ts";

/** Where a person finds their channels. */
function listsOf(kind: Kind): Deed {
  const held = (id: string) => ({ channels: { [id]: [0, 0] } });
  const list = kind === "space" ? route("GET /spaces") : route("GET /channels");
  return {
    shows: tells,
    doors: [
      list,
      ...(kind === "dm" ? [route("GET /dm")] : []),
      ...(kind === "space" ? [] : NAMED_TO_ONE),
      route("POST /sync", (w) => ({ body: held(w.channelId) })),
    ],
  };
}

/** Lists that name a person's channels without being asked for any; spaces are in none of them. */
const NAMED_TO_ONE = [
  event("session:resume", () => ({ channels: {} })),
  route("GET /sync", () => ({ query: "?since=0" })),
];

/** `/spaces`: what is done to a space through `/channels` is done here too. */
const DOORS_OF_SPACES: Record<string, Door[]> = {
  "open it": [
    route("GET /spaces/:id", (w) => ({ id: w.channelId })),
    route("GET /spaces/:id/members", (w) => ({ id: w.channelId })),
  ],
  invite: [
    route("POST /spaces/:id/members", (w) => ({
      id: w.channelId,
      body: { userId: w.newcomers[2].userId },
    })),
  ],
  rename: [route("PATCH /spaces/:id", (w) => ({ id: w.channelId, body: { name: `${w.secret} four` } }))],
  archive: [route("DELETE /spaces/:id", (w) => ({ id: w.channelId }))],
  "give someone a role": [
    route("PATCH /spaces/:id/members/:userId", (w) => ({
      id: w.channelId,
      userId: w.author.userId,
      body: { role: "guest" },
    })),
  ],
  "put someone out": [
    route("DELETE /spaces/:id/members/:userId", (w) => ({ id: w.channelId, userId: w.author.userId })),
  ],
  "come in": [route("POST /spaces/:id/join", (w) => ({ id: w.channelId }))],
  leave: [route("POST /spaces/:id/leave", (w) => ({ id: w.channelId }))],
};

/** What a space lists to its members. */
const LISTED: Record<string, Deed> = {
  "find it in its space's list": {
    doors: [route("GET /channels", (w) => ({ query: `?spaceId=${w.spaceId}` }))],
    shows: tells,
  },
};

/** What people make in a space. */
const MADE_IN_SPACES: Record<string, Deed> = Object.fromEntries(
  (["topic", "announcement", "private"] as const).map((kind) => [
    `make one of kind ${kind} in it`,
    {
      doors: [route("POST /channels", (w) => ({ body: { kind, spaceId: w.spaceId, name: "made in it" } }))],
    },
  ]),
);

const DEEDS = { ...TALKING, ...MANAGING };

/** Everything that is tried on a channel of this kind, by name. */
export function deedsOf(kind: Kind): Record<string, Deed> {
  const lists = { "find it in one's lists": listsOf(kind) };
  if (kind === "dm") return { ...lists, ...DEEDS, ...AS_A_SPACE };
  if (kind !== "space") return { ...lists, ...LISTED, ...DEEDS, ...AS_A_SPACE };
  const widened = Object.entries<Deed>(DEEDS).map(([name, deed]) => [
    name,
    { ...deed, doors: [...deed.doors, ...(DOORS_OF_SPACES[name] ?? [])] },
  ]);
  return { ...lists, ...MADE_IN_SPACES, ...Object.fromEntries(widened) };
}
