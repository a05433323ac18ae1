/** `/receipts`: whom a message has reached (row D7). */
import { parseMessageId, UserId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import { ChannelPath, PAGE_DEFAULT, ReceiptPage, ReceiptsQuery } from "../../protocol/rest.ts";
import { decodeCursor, encodeCursor } from "../http/cursor.ts";
import { type Route, route } from "../http/route.ts";
import type { RestOptions } from "./rest-options.ts";

/** Members of a channel whose marks are looked through: where nobody has got to a message, all of them are. Chosen. */
const RECEIPTS_ASKED_MAX = 1_000;

export function receiptRoutes({ router, history }: RestOptions): Route[] {
  return [
    route("GET /channels/:id/receipts", {
      summary: "Members whom a message has reached, by user id, as Postgres has their marks",
      params: ChannelPath,
      query: ReceiptsQuery,
      answer: ReceiptPage,
      async handle({ params, query, userId, trace }) {
        const { messageId, limit = PAGE_DEFAULT, after } = query;
        const { channelId, seq } = parseMessageId(messageId);
        if (channelId !== params.id)
          return refused("malformed", { message: "messageId names a message of another channel." });
        const opened = await router.askChannel(channelId, { type: "open", by: userId }, trace);
        if (!opened.ok) return opened;
        if (opened.channel.memberCount > RECEIPTS_ASKED_MAX)
          return refused("too_large", {
            message: `Who has read is told in channels of up to ${RECEIPTS_ASKED_MAX} members.`,
          });
        const list = `${messageId}/receipts`;
        const place = after === undefined ? undefined : UserId.safeParse(decodeCursor(list, after));
        if (place?.success === false)
          return refused("malformed", { message: "The cursor is not one of this list's." });
        // One more than wanted says whether there is more.
        const page = { afterUserId: place?.data, limit: limit + 1 };
        const found = await history.receipts(channelId, seq, page);
        const receipts = found.slice(0, limit);
        const next = found.length > limit && encodeCursor(list, receipts.at(-1)!.userId);
        return { ok: true, receipts, ...(next && { next }) };
      },
    }),
  ];
}
