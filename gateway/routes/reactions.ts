/** What people put on messages: reactions (row C8), and pins (row C9). */
import { Nothing, ReactionCount } from "../../protocol/requests.ts";
import {
  ChannelPath,
  MessagePath,
  NewReaction,
  Pins,
  REACTORS_MAX,
  ReactionQuery,
  Reactors,
} from "../../protocol/rest.ts";
import { openMessage, pinMessage, react } from "../asking/messages.ts";
import { type Route, route } from "../http/route.ts";
import { overlayReactors } from "../overlay.ts";
import { readPins } from "../reading.ts";
import { askingOf, type RestOptions } from "./rest-options.ts";

export function reactionRoutes(options: RestOptions): Route[] {
  const { router, history } = options;
  const asking = askingOf(options);
  return [
    route("GET /messages/:id/reactions", {
      summary: "Who has put what on a message, in the order in which they did; at most 1,000",
      params: MessagePath,
      answer: Reactors,
      async handle({ params, ...by }) {
        const found = await openMessage(asking, by, params.id);
        if (!found.ok) return found;
        const { channelId, seq } = found.message;
        const stored = await history.reactors(channelId, seq, REACTORS_MAX);
        const reactors = overlayReactors(stored, found.opened.unflushed, params.id);
        return { ok: true, reactors: reactors.slice(0, REACTORS_MAX) };
      },
    }),
    route("POST /messages/:id/reactions", {
      summary: "Put a reaction on a message",
      params: MessagePath,
      body: NewReaction,
      answer: ReactionCount,
      handle: ({ params, body, ...by }) => react(asking, by, { messageId: params.id, ...body }, true),
    }),
    route("DELETE /messages/:id/reactions", {
      summary: "Take one's reaction away; `emoji` says which",
      params: MessagePath,
      query: ReactionQuery,
      answer: ReactionCount,
      handle: ({ params, query, ...by }) => react(asking, by, { messageId: params.id, ...query }, false),
    }),
    route("PUT /messages/:id/pin", {
      summary: "Pin a message to its channel",
      params: MessagePath,
      answer: Nothing,
      handle: ({ params, ...by }) => pinMessage(asking, by, params.id, true),
    }),
    route("DELETE /messages/:id/pin", {
      summary: "Unpin a message",
      params: MessagePath,
      answer: Nothing,
      handle: ({ params, ...by }) => pinMessage(asking, by, params.id, false),
    }),
    route("GET /channels/:id/pins", {
      summary: "Pinned messages, the last pinned first",
      params: ChannelPath,
      answer: Pins,
      async handle({ params, userId, trace }) {
        const opened = await router.askChannel(params.id, { type: "open", by: userId }, trace);
        if (!opened.ok) return opened;
        return readPins(history, opened, (seq) =>
          router.askChannel(params.id, { type: "message", by: userId, seq }, trace),
        );
      },
    }),
  ];
}
