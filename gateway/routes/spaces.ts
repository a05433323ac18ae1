/** `/spaces`: a space is a channel of kind `space`, and its actor is asked like any other (rule E1). */
import { v7 as uuidv7 } from "uuid";
import * as z from "zod";
import type { Opened } from "../../actors/commands.ts";
import type { Trace } from "../../actors/ports.ts";
import { Channel, Member } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { ChannelPath, MemberPage, MembersQuery, NewSpace } from "../../protocol/rest.ts";
import { type Route, route } from "../http/route.ts";
import { created } from "./created.ts";
import { memberPage } from "./members.ts";
import type { RestOptions } from "./rest-options.ts";

const WithSpace = z.object({ space: Channel, membership: Member });

export function spaceRoutes(options: RestOptions): Route[] {
  const { router, memberships } = options;

  async function open(id: ChannelId, by: UserId, trace: Trace): Promise<Answer<Opened>> {
    const opened = await router.askChannel(id, { type: "open", by }, trace);
    return opened.ok && opened.channel.kind !== "space" ? refused("not_found") : opened;
  }

  return [
    route("GET /spaces", {
      summary: "The caller's spaces, as Postgres has them: a new one appears within a moment",
      answer: z.object({ spaces: z.array(Channel) }),
      async handle({ userId }) {
        const mine = await memberships.ofUser(userId, { kind: "space" });
        return { ok: true, spaces: mine.map(({ channel }) => channel) };
      },
    }),
    route("POST /spaces", {
      summary: "Make a space, which the caller then owns; the same id again answers with the first",
      body: NewSpace,
      answer: z.object({ space: Channel }),
      statuses: [201, 200],
      status: created,
      async handle({ body, userId, trace }) {
        const { id = uuidv7() as ChannelId, name, slug, description, language } = body;
        const channel = { kind: "space" as const, name, slug, description, language, settings: {} };
        const answer = await router.askChannel(
          id,
          { type: "create", by: userId, channel, memberIds: [] },
          trace,
        );
        return answer.ok ? { ok: true, space: answer.channel, created: answer.created } : answer;
      },
    }),
    route("GET /spaces/:id", {
      summary: "One space of the caller",
      params: ChannelPath,
      answer: WithSpace,
      async handle({ params, userId, trace }) {
        const opened = await open(params.id, userId, trace);
        return opened.ok ? { ok: true, space: opened.channel, membership: opened.membership } : opened;
      },
    }),
    route("GET /spaces/:id/members", {
      summary: "Active members of a space, by user id",
      params: ChannelPath,
      query: MembersQuery,
      answer: MemberPage,
      async handle({ params, query, userId, trace }) {
        const opened = await open(params.id, userId, trace);
        return opened.ok ? memberPage(options, opened, query) : opened;
      },
    }),
    route("POST /spaces/:id/join", {
      summary: "Become a member of a space",
      params: ChannelPath,
      answer: WithSpace,
      async handle({ params, userId, trace }) {
        const before = await router.askChannel(params.id, { type: "member", userId }, trace);
        if (!before.ok) return before;
        if (before.kind !== "space") return refused("not_found");
        const joined = await router.askChannel(params.id, { type: "join", by: userId }, trace);
        return joined.ok ? { ok: true, space: joined.channel, membership: joined.membership } : joined;
      },
    }),
  ];
}
