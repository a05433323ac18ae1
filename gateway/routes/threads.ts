/** `/threads`: a thread has the id of the message that began it (row C7). */
import type { Opened } from "../../actors/commands.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { UnreadCount } from "../../protocol/requests.ts";
import {
  Follow,
  MessagePath,
  PAGE_DEFAULT,
  PARTICIPANTS_MAX,
  RepliesQuery,
  ThreadPage,
} from "../../protocol/rest.ts";
import { followThread } from "../asking/marks.ts";
import { openMessage } from "../asking/messages.ts";
import { type Route, route } from "../http/route.ts";
import type { History } from "../ports.ts";
import { type ReadQuery, readPage } from "../reading.ts";
import { askingOf, type RestOptions } from "./rest-options.ts";

export function threadRoutes(options: RestOptions): Route[] {
  const { router, history } = options;
  const asking = askingOf(options);
  return [
    route("GET /threads/:id/messages", {
      summary:
        "A page of a thread's replies, oldest first, with its first message; the newest, or before or after a place",
      params: MessagePath,
      query: RepliesQuery,
      answer: ThreadPage,
      async handle({ params, query, userId, trace }) {
        const found = await openMessage(asking, { userId, trace }, params.id);
        if (!found.ok) return found;
        const { opened, message: root } = found;
        if (root.threadId !== undefined)
          return refused("malformed", { message: "A reply begins no thread." });
        const { channelId, seq } = root;
        // A follow that changes nothing answers how much is unread.
        const follow = { type: "follow", by: userId, seq } as const;
        const { limit = PAGE_DEFAULT } = query;
        const [standing, page] = await Promise.all([
          router.askChannel(channelId, follow, trace),
          threadPage(history, opened, root, { ...query, limit, threadSeq: seq }),
        ]);
        if (!standing.ok) return standing;
        return page.ok ? { ...page, unread: standing.unread } : page;
      },
    }),
    route("PUT /threads/:id/follow", {
      summary: "Follow a thread, or no longer",
      params: MessagePath,
      body: Follow,
      answer: UnreadCount,
      handle: ({ params, body, ...by }) => followThread(asking, by, params.id, body.following),
    }),
  ];
}

/** Messages are exact (rule H4); whether it is followed is as Postgres has it. */
async function threadPage(
  history: History,
  opened: Opened,
  root: Message,
  query: ReadQuery,
): Promise<Answer<Omit<ThreadPage, "unread">>> {
  const { userId } = opened.membership;
  const [page, thread] = await Promise.all([
    readPage(history, opened, query),
    history.thread(opened.channel.id, root.seq, userId, PARTICIPANTS_MAX),
  ]);
  if (!page.ok) return page;
  const { participants, following } = thread;
  return { ...page, root, participants: withUnflushed(participants, opened, root), following };
}

/** Who has written in the thread, the earliest first, those whom Postgres lacks among them. */
function withUnflushed(stored: readonly UserId[], opened: Opened, root: Message): UserId[] {
  const replies = opened.unflushed.filter(
    (event) => event.type === "message:new" && event.message.threadId === root.id,
  );
  const all = new Set([...stored, ...replies.map(({ by }) => by)]);
  return [...all].slice(0, PARTICIPANTS_MAX);
}
