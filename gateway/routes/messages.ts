/** Sending and reading single messages. */
import * as z from "zod";
import type { UserId } from "../../protocol/ids.ts";
import { parseMessageId } from "../../protocol/ids.ts";
import { Message } from "../../protocol/message.ts";
import { type Refused, refused } from "../../protocol/refusals.ts";
import { MessageDraft, MessageSent } from "../../protocol/requests.ts";
import { ChannelPath, MessagePath } from "../../protocol/rest.ts";
import { type Asked, type Route, route } from "../http/route.ts";
import { prepareMessage } from "../preparing.ts";
import { readMessage } from "../reading.ts";
import type { RestOptions } from "./rest-options.ts";

export function messageRoutes(options: RestOptions): Route[] {
  const { router, accounts, history } = options;
  return [
    route("POST /channels/:id/messages", {
      summary: "Send a message; the same clientId again answers with the first",
      params: ChannelPath,
      body: MessageDraft,
      answer: MessageSent,
      statuses: [201, 200],
      status: (answer) => ("duplicate" in answer && answer.duplicate ? 200 : 201),
      async handle({ params, body, userId, trace, header }) {
        const limited = await takeMessage(options, userId, header);
        if (limited) return limited;
        const message = await prepareMessage(body, (names) => accounts.byUsernames(names));
        if ("error" in message) return message;
        const { attempt = 1, durability } = body;
        return router.askChannel(
          params.id,
          { type: "send", by: userId, message, attempt, durability },
          trace,
        );
      },
    }),
    route("GET /messages/:id", {
      summary: "One message; a deleted one is a stub",
      params: MessagePath,
      answer: z.object({ message: Message }),
      async handle({ params, userId, trace }) {
        const { channelId, seq } = parseMessageId(params.id);
        const opened = await router.askChannel(channelId, { type: "open", by: userId }, trace);
        if (!opened.ok) return opened;
        const message = await readMessage(history, opened, seq);
        return message ? { ok: true, message } : refused("not_found");
      },
    }),
  ];
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
