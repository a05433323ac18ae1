/** `/channels`: lists, one channel, its members and its history. */
import { v7 as uuidv7 } from "uuid";
import * as z from "zod";
import { Channel, Member } from "../../protocol/channel.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { ChannelOpened, MessagePage, WithChannel } from "../../protocol/requests.ts";
import {
  ChannelChanges,
  ChannelEntry,
  ChannelPath,
  ChannelsQuery,
  MessagesQuery,
  NewChannelRequest,
  PAGE_DEFAULT,
} from "../../protocol/rest.ts";
import { updateChannel } from "../asking/channels.ts";
import { type Route, route } from "../http/route.ts";
import type { Membership } from "../ports.ts";
import { composeRecent, RECENT_LIMIT, readPage } from "../reading.ts";
import { created } from "./created.ts";
import { memberRoutes } from "./member-routes.ts";
import { presentRoutes } from "./present.ts";
import { askingOf, type RestOptions } from "./rest-options.ts";

export function channelRoutes(options: RestOptions): Route[] {
  const { router, history } = options;
  const asking = askingOf(options);
  return [
    route("GET /channels", {
      summary: "The caller's channels; with `spaceId`, also the topics of that space which they may join",
      query: ChannelsQuery,
      answer: z.object({ channels: z.array(ChannelEntry) }),
      handle: ({ query, userId, trace }) => listChannels(options, userId, query, trace),
    }),
    route("POST /channels", {
      summary: "Make a channel, which the caller then owns; the same id again answers with the first",
      body: NewChannelRequest,
      answer: WithChannel,
      statuses: [201, 200],
      status: created,
      handle: ({ body, userId, trace }) => createChannel(options, userId, body, trace),
    }),
    route("GET /channels/:id", {
      summary: "One channel that the caller may read",
      params: ChannelPath,
      answer: z.object({ channel: Channel, membership: Member }),
      async handle({ params, userId, trace }) {
        const opened = await router.askChannel(params.id, { type: "open", by: userId }, trace);
        return opened.ok ? { ok: true, channel: opened.channel, membership: opened.membership } : opened;
      },
    }),
    route("PATCH /channels/:id", {
      summary: "Change a channel's name, description or settings; archive it, or bring it back",
      params: ChannelPath,
      body: ChannelChanges,
      answer: WithChannel,
      handle: ({ params, body, ...by }) => updateChannel(asking, by, { channelId: params.id, ...body }),
    }),
    route("POST /channels/:id/join", {
      summary: "Become a member of a channel",
      params: ChannelPath,
      answer: ChannelOpened,
      async handle({ params, userId, trace }) {
        const opened = await router.askChannel(params.id, { type: "join", by: userId }, trace);
        if (!opened.ok) return opened;
        return { ...opened, recent: await composeRecent(history, opened, RECENT_LIMIT) };
      },
    }),
    ...memberRoutes(options, "channel"),
    ...presentRoutes(options),
    route("GET /channels/:id/messages", {
      summary: "A page of messages, oldest first: the newest, or before, after or around a place",
      params: ChannelPath,
      query: MessagesQuery,
      answer: MessagePage,
      async handle({ params, query, userId, trace }) {
        const opened = await router.askChannel(params.id, { type: "open", by: userId }, trace);
        return opened.ok
          ? readPage(history, opened, { ...query, limit: query.limit ?? PAGE_DEFAULT })
          : opened;
      },
    }),
  ];
}

type Ask = Parameters<RestOptions["router"]["askChannel"]>[2];

async function listChannels(
  { router, memberships }: RestOptions,
  userId: UserId,
  query: z.output<typeof ChannelsQuery>,
  trace: Ask,
): Promise<Answer<{ channels: ChannelEntry[] }>> {
  const { spaceId, kind } = query;
  const mine = (await memberships.ofUser(userId, query)).map(entryOf);
  if (spaceId === undefined) return { ok: true, channels: mine };
  const opened = await router.askChannel(spaceId, { type: "open", by: userId }, trace);
  if (!opened.ok) return opened;
  if (opened.channel.kind !== "space") return refused("not_found");
  const joined = new Set(mine.map(({ channel }) => channel.id));
  const listed = (await memberships.listed(spaceId, userId)).filter(
    (channel) => !joined.has(channel.id) && (!kind || channel.kind === kind),
  );
  return { ok: true, channels: [...mine, ...listed.map((channel) => ({ channel }))] };
}

/** A channel as one of its members has it in a list. */
export function entryOf({
  member,
  readSeq,
  messageCount: _messageCount,
  ...shown
}: Membership): ChannelEntry {
  return { ...shown, membership: member, lastReadSeq: readSeq };
}

async function createChannel(
  { router, accounts }: RestOptions,
  userId: UserId,
  request: NewChannelRequest,
  trace: Ask,
): Promise<Answer<{ channel: Channel; created: boolean }>> {
  const { id = uuidv7() as ChannelId, memberIds = [], settings = {}, ...channel } = request;
  const others = [...new Set(memberIds)].filter((member) => member !== userId);
  if (others.length > 0 && (await accounts.users(others)).length < others.length) {
    return refused("not_found", { message: "Not all of memberIds are people." });
  }
  return router.askChannel(
    id,
    { type: "create", by: userId, channel: { ...channel, settings }, memberIds: others },
    trace,
  );
}
