/** `/search`: messages by words and filters, in one channel, a space, or everywhere the caller may read (row F4). */
import type { Trace } from "../../actors/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { ChannelPath } from "../../protocol/rest.ts";
import { ChannelSearchQuery, HITS_DEFAULT, Hits, SearchQuery } from "../../protocol/search.ts";
import { type Route, route } from "../http/route.ts";
import { type Asked, searchMessages } from "../searching.ts";
import type { RestOptions } from "./rest-options.ts";

/** Requests that a search is worth, beside the one that it is: Postgres may work on it for 100 ms. Chosen: ten searches a second. */
const WORTH = 4;

export function searchRoutes({ router, search, accountRates }: RestOptions): Route[] {
  const open = (userId: UserId, trace: Trace) => (channelId: ChannelId) =>
    router.askChannel(channelId, { type: "open", by: userId }, trace);
  return [
    route("GET /search", {
      summary: "Messages that fit, newest first, in the channels in which the caller is a member",
      query: SearchQuery,
      answer: Hits,
      async handle({ query, userId, trace }) {
        const taken = await accountRates.takeRequest(userId, WORTH);
        if (!taken.ok) return taken;
        return searchMessages(search, toAsked(query, userId), open(userId, trace));
      },
    }),
    route("GET /channels/:id/messages/search", {
      summary: "The same in one channel",
      params: ChannelPath,
      query: ChannelSearchQuery,
      answer: Hits,
      async handle({ params, query, userId, trace }) {
        const taken = await accountRates.takeRequest(userId, WORTH);
        if (!taken.ok) return taken;
        const opened = await open(userId, trace)(params.id);
        if (!opened.ok) return opened;
        const asked = toAsked({ ...query, channelId: params.id }, userId);
        // Asked before the search began: what is deleted after that may still be shown.
        return searchMessages(search, asked, async () => opened);
      },
    }),
  ];
}

function toAsked(query: SearchQuery, reader: UserId): Asked {
  const { q: words, before: beforeMs, after: afterMs, limit = HITS_DEFAULT, ...rest } = query;
  return { ...rest, reader, words, beforeMs, afterMs, limit };
}
