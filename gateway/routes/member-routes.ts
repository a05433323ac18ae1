/** `/members` of channels and of spaces: the same routes, since a space is a channel of kind `space` (rule E1). */
import type { ChannelId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import { Nothing, WithMember } from "../../protocol/requests.ts";
import {
  ChannelPath,
  MemberChanges,
  MemberPage,
  MemberPath,
  MembersQuery,
  NewMember,
  RemovalQuery,
} from "../../protocol/rest.ts";
import type { By } from "../asking/asking.ts";
import { changeMember, inviteMember, leaveChannel, removeMember, unlessSpace } from "../asking/channels.ts";
import { type Route, route } from "../http/route.ts";
import { memberPage } from "./members.ts";
import { askingOf, type RestOptions } from "./rest-options.ts";

export function memberRoutes(options: RestOptions, noun: "channel" | "space"): Route[] {
  const { router } = options;
  const asking = askingOf(options);
  const path = `/${noun}s` as const;
  const bar = async (by: By, id: ChannelId) => (noun === "space" ? unlessSpace(asking, by, id) : undefined);
  return [
    route(`GET ${path}/:id/members`, {
      summary: `Active members of a ${noun}, by user id`,
      params: ChannelPath,
      query: MembersQuery,
      answer: MemberPage,
      async handle({ params: { id }, query, userId, trace }) {
        const opened = await router.askChannel(id, { type: "open", by: userId }, trace);
        if (!opened.ok) return opened;
        if (noun === "space" && opened.channel.kind !== "space") return refused("not_found");
        return memberPage(options, opened, query);
      },
    }),
    route(`POST ${path}/:id/members`, {
      summary: `Invite someone to a ${noun}`,
      params: ChannelPath,
      body: NewMember,
      answer: WithMember,
      handle: async ({ params: { id }, body, ...by }) =>
        (await bar(by, id)) ?? inviteMember(asking, by, { channelId: id, ...body }),
    }),
    route(`PATCH ${path}/:id/members/:userId`, {
      summary: "Change a member's role, overrides or mute; role `owner` hands it over",
      params: MemberPath,
      body: MemberChanges,
      answer: WithMember,
      handle: async ({ params: { id, userId }, body, ...by }) =>
        (await bar(by, id)) ?? changeMember(asking, by, { channelId: id, userId, ...body }),
    }),
    route(`DELETE ${path}/:id/members/:userId`, {
      summary: "Put a member out; `bannedUntilMs` (a time, or `forever`) also bans, 0 lifts a ban",
      params: MemberPath,
      query: RemovalQuery,
      answer: WithMember,
      handle: async ({ params: { id, userId }, query, ...by }) =>
        (await bar(by, id)) ?? removeMember(asking, by, { channelId: id, userId, ...query }),
    }),
    route(`POST ${path}/:id/leave`, {
      summary: `Give up membership of a ${noun}, or an invitation`,
      params: ChannelPath,
      answer: Nothing,
      handle: async ({ params: { id }, ...by }) => (await bar(by, id)) ?? leaveChannel(asking, by, id),
    }),
  ];
}
