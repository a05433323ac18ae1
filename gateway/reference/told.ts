/** What the server says without being asked: every event, when it comes, and its schema. */
import type * as z from "zod";
import { ChannelEvents } from "../../protocol/events.ts";
import { SessionClosing, SessionReady } from "../../protocol/session.ts";
import {
  ChannelBehind,
  ChannelHeads,
  Notification,
  Presence,
  Receipts,
  TypingSignal,
  Unread,
} from "../../protocol/signals.ts";

type Told = { schema: z.ZodType; when: string };

/** The one table of server → client, as `REQUESTS` is of client → server. `docs/protocol.md` has a row for each. */
export const TOLD = {
  "session:ready": { schema: SessionReady, when: "The first event of a connection." },
  "session:closing": { schema: SessionClosing, when: "Before the server ends the connection." },
  "channel:events": {
    schema: ChannelEvents,
    when: "What happened in a channel that the connection listens to: in seq order, one event or many, never of two reigns.",
  },
  "channel:heads": {
    schema: ChannelHeads,
    when: "Where channels stand that have moved: to members who do not listen, the first at once, then at most one event a second.",
  },
  "channel:behind": { schema: ChannelBehind, when: "This connection was skipped forward: sync." },
  typing: {
    schema: TypingSignal,
    when: "Who is typing, to listeners, at most once a second; empty at the end.",
  },
  receipts: {
    schema: Receipts,
    when: "How far members have got, to listeners of a dm or a channel of up to 100 members.",
  },
  presence: { schema: Presence, when: "A person who is watched has come, gone or changed." },
  unread: { schema: Unread, when: "To all devices of a person: their mark moved, or they were mentioned." },
  notification: { schema: Notification, when: "To all devices of a person: something that concerns them." },
} as const satisfies Record<string, Told>;
