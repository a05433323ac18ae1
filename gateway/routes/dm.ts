/** `/dm`: conversations of exactly two, whose id follows from the two (rule E2). */
import * as z from "zod";
import { WithChannel } from "../../protocol/requests.ts";
import { ChannelEntry, NewDm } from "../../protocol/rest.ts";
import { dmWith } from "../asking/messages.ts";
import { type Route, route } from "../http/route.ts";
import { entryOf } from "./channels.ts";
import { created } from "./created.ts";
import { askingOf, type RestOptions } from "./rest-options.ts";

export function dmRoutes(options: RestOptions): Route[] {
  const { router, memberships } = options;
  const asking = askingOf(options);
  return [
    route("GET /dm", {
      summary: "The caller's dms, as Postgres has them",
      answer: z.object({ channels: z.array(ChannelEntry) }),
      async handle({ userId }) {
        const mine = await memberships.ofUser(userId, { kind: "dm" });
        return { ok: true, channels: mine.map(entryOf) };
      },
    }),
    route("POST /dm", {
      summary: "The dm with someone, made where it is not there yet",
      body: NewDm,
      answer: WithChannel,
      statuses: [201, 200],
      status: created,
      async handle({ body, userId, trace }) {
        const dm = await dmWith(asking, userId, body.userId);
        if ("error" in dm) return dm;
        const channel = { kind: "dm" as const, settings: {} };
        const memberIds = [body.userId];
        return router.askChannel(dm.channelId, { type: "create", by: userId, channel, memberIds }, trace);
      },
    }),
  ];
}
