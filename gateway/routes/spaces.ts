/** `/spaces`: a space is a channel of kind `space`, and its actor is asked like any other (rule E1). */
import { v7 as uuidv7 } from "uuid";
import * as z from "zod";
import type { Opened } from "../../actors/commands.ts";
import type { Trace } from "../../actors/ports.ts";
import { Channel, Member } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import type { ChannelUpdate } from "../../protocol/requests.ts";
import { ChannelChanges, ChannelPath, NewSpace } from "../../protocol/rest.ts";
import type { By } from "../asking/asking.ts";
import { unlessSpace, updateChannel } from "../asking/channels.ts";
import { type Route, route } from "../http/route.ts";
import { created } from "./created.ts";
import { memberRoutes } from "./member-routes.ts";
import { askingOf, type RestOptions } from "./rest-options.ts";

const SpaceAlone = z.object({ space: Channel });
const WithSpace = z.object({ space: Channel, membership: Member });

export function spaceRoutes(options: RestOptions): Route[] {
  const { router, memberships } = options;
  const asking = askingOf(options);

  async function update(by: By, changes: ChannelUpdate): Promise<Answer<{ space: Channel }>> {
    const barred = await unlessSpace(asking, by, changes.channelId);
    if (barred) return barred;
    const updated = await updateChannel(asking, by, changes);
    return updated.ok ? { ok: true, space: updated.channel } : updated;
  }

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
      answer: SpaceAlone,
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
    route("PATCH /spaces/:id", {
      summary: "Change a space's name, description or settings; archive it, or bring it back",
      params: ChannelPath,
      body: ChannelChanges,
      answer: SpaceAlone,
      handle: ({ params, body, ...by }) => update(by, { channelId: params.id, ...body }),
    }),
    route("DELETE /spaces/:id", {
      summary: "Archive a space: nothing is lost, and it can be brought back",
      params: ChannelPath,
      answer: SpaceAlone,
      handle: ({ params, ...by }) => update(by, { channelId: params.id, archived: true }),
    }),
    route("POST /spaces/:id/join", {
      summary: "Become a member of a space",
      params: ChannelPath,
      answer: WithSpace,
      async handle({ params, ...by }) {
        const barred = await unlessSpace(asking, by, params.id);
        if (barred) return barred;
        const joined = await router.askChannel(params.id, { type: "join", by: by.userId }, by.trace);
        return joined.ok ? { ok: true, space: joined.channel, membership: joined.membership } : joined;
      },
    }),
    ...memberRoutes(options, "space"),
  ];
}
