/** `typing:start` and `typing:stop` (row P5). */
import { parseMessageId } from "../../protocol/ids.ts";
import { refused } from "../../protocol/refusals.ts";
import type { Handler } from "./handler.ts";

function typing(on: boolean): Handler<"typing:start"> & Handler<"typing:stop"> {
  return async ({ channelId, threadId }, { userId, trace }, { router }) => {
    const thread = threadId && parseMessageId(threadId);
    if (thread && thread.channelId !== channelId)
      return refused("malformed", { message: "threadId names a message of another channel." });
    const threadSeq = thread && { threadSeq: thread.seq };
    const answer = await router.askChannel(
      channelId,
      { type: "typing", by: userId, on, ...threadSeq },
      trace,
    );
    return answer.ok ? { ok: true } : answer;
  };
}

export const startTyping: Handler<"typing:start"> = typing(true);
export const stopTyping: Handler<"typing:stop"> = typing(false);
