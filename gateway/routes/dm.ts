/** `/dm`: conversations of exactly two, whose id follows from the two (rule E2). */
import * as z from "zod";
import { Channel } from "../../protocol/channel.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import { ChannelEntry, NewDm } from "../../protocol/rest.ts";
import { dmId } from "../../src/lib/dm-id.ts";
import { type Route, route } from "../http/route.ts";
import { created } from "./created.ts";
import type { RestOptions } from "./rest-options.ts";

export function dmRoutes({ router, accounts, memberships }: RestOptions): Route[] {
  return [
    route("GET /dm", {
      summary: "The caller's dms, as Postgres has them",
      answer: z.object({ channels: z.array(ChannelEntry) }),
      async handle({ userId }) {
        const mine = await memberships.ofUser(userId, { kind: "dm" });
        const channels = mine.map(({ channel, member, unread, mentions, readSeq }) => ({
          channel,
          membership: member,
          unread,
          mentions,
          lastReadSeq: readSeq,
        }));
        return { ok: true, channels };
      },
    }),
    route("POST /dm", {
      summary: "The dm with someone, made where it is not there yet",
      body: NewDm,
      answer: z.object({ channel: Channel }),
      statuses: [201, 200],
      status: created,
      async handle({ body, userId, trace }) {
        if (body.userId === userId) return refused("malformed", { message: "A dm has two people." });
        const [other] = await accounts.users([body.userId]);
        if (!other) return refused("not_found");
        const id = dmId<ChannelId>(userId, other.id);
        const channel = { kind: "dm" as const, settings: {} };
        return router.askChannel(id, { type: "create", by: userId, channel, memberIds: [other.id] }, trace);
      },
    }),
  ];
}
