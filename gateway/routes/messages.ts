/** `/messages`: sending, reading, changing and deleting them; and how far one has read. */
import { atLeast } from "../../protocol/channel.ts";
import { type MessageId, parseMessageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { type Answer, isUpgrading, type Refused, refused } from "../../protocol/refusals.ts";
import { MessageDraft, MessageSent, Nothing, UnreadCount, WithMessage } from "../../protocol/requests.ts";
import { BulkDelete, ChannelPath, EditedMessage, MessagePath, MessageVersions } from "../../protocol/rest.ts";
import type { By } from "../asking/asking.ts";
import { readMessage } from "../asking/marks.ts";
import {
  deleteMessage,
  deleteMessages,
  editMessage,
  findMessage,
  openMessage,
  sendMessage,
} from "../asking/messages.ts";
import { type Asked, type Route, route } from "../http/route.ts";
import { overlayVersions } from "../overlay.ts";
import { readPage } from "../reading.ts";
import { askingOf, type RestOptions } from "./rest-options.ts";

export function messageRoutes(options: RestOptions): Route[] {
  const { history } = options;
  const asking = askingOf(options);
  return [
    route("POST /channels/:id/messages", {
      summary: "Send a message; the same clientId again answers with the first",
      params: ChannelPath,
      body: MessageDraft,
      answer: MessageSent,
      statuses: [201, 200],
      status: (answer) => ("duplicate" in answer && answer.duplicate ? 200 : 201),
      handle: async ({ params, body, header, ...by }) =>
        (await takeMessage(options, by.userId, header)) ??
        sendMessage(asking, by, { channelId: params.id }, body),
    }),
    route("POST /channels/:id/messages/delete", {
      summary: "Delete up to 100 messages of one channel at once; those of others as a moderator",
      params: ChannelPath,
      body: BulkDelete,
      answer: Nothing,
      handle: ({ params, body, ...by }) => deleteMessages(asking, by, params.id, body.messageIds),
    }),
    route("GET /messages/:id", {
      summary: "One message; a deleted one is a stub",
      params: MessagePath,
      answer: WithMessage,
      async handle({ params, ...by }) {
        const found = await findMessage(asking, by, params.id);
        return isUpgrading(found) ? findOnPage(options, by, params.id) : found;
      },
    }),
    route("PATCH /messages/:id", {
      summary: "Give one's own message another text",
      params: MessagePath,
      body: EditedMessage,
      answer: WithMessage,
      handle: async ({ params, body, header, ...by }) =>
        (await takeMessage(options, by.userId, header)) ??
        editMessage(asking, by, { messageId: params.id, ...body }),
    }),
    route("DELETE /messages/:id", {
      summary: "Delete one's own message; another's as a moderator",
      params: MessagePath,
      answer: Nothing,
      handle: ({ params, ...by }) => deleteMessage(asking, by, params.id),
    }),
    route("GET /messages/:id/history", {
      summary: "Every text that a message had, oldest first; to its author and to moderators",
      params: MessagePath,
      answer: MessageVersions,
      async handle({ params, ...by }) {
        const found = await openMessage(asking, by, params.id);
        if (!found.ok) return found;
        const { opened, message } = found;
        if (message.authorId !== by.userId && !atLeast(opened.membership.role, "moderator"))
          return refused("forbidden");
        const stored = await history.versions(message.channelId, message.seq);
        return { ok: true, versions: overlayVersions(stored, opened.unflushed, params.id) };
      },
    }),
    route("PUT /messages/:id/read", {
      summary: "Everything up to this message is read; of a reply: in its thread",
      params: MessagePath,
      answer: UnreadCount,
      handle: ({ params, ...by }) => readMessage(asking, by, params.id),
    }),
  ];
}

/** While nodes of 0.1.0 are left no owner is asked for one message: it is read with its page, as that version did. */
async function findOnPage(
  { router, history }: RestOptions,
  { userId, trace }: By,
  id: MessageId,
): Promise<Answer<{ message: Message }>> {
  const opened = await router.askChannel(parseMessageId(id).channelId, { type: "open", by: userId }, trace);
  if (!opened.ok) return opened;
  const page = await readPage(history, opened, { limit: 1, around: id });
  if (!page.ok) return page;
  const message = page.messages.find((each) => each.id === id);
  return message ? { ok: true, message } : refused("not_found");
}

/** Counts one message, and says in the headers what is left (draft-ietf-httpapi-ratelimit-headers). */
async function takeMessage(
  options: RestOptions,
  userId: UserId,
  header: Asked<unknown, unknown, unknown>["header"],
): Promise<Refused | undefined> {
  const taken = await options.takeMessage(userId);
  const [remaining, resetMs] = taken.ok ? [taken.remaining, taken.resetMs] : [0, taken.retryAfterMs];
  if (taken.limit !== undefined) header("ratelimit-policy", `"messages";q=${taken.limit};w=60`);
  if (remaining !== undefined && resetMs !== undefined)
    header("ratelimit", `"messages";r=${remaining};t=${Math.ceil(resetMs / 1000)}`);
  return taken.ok ? undefined : refused("rate_limited", { retryAfterMs: taken.retryAfterMs });
}
