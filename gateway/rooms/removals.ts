/** Events that take a listener away (rule H2): leaving, removal, ban. */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Run } from "./position.ts";

/** Whom this event takes out of the channel. */
export function removedBy(event: ChannelEvent): UserId | undefined {
  if (event.type === "member:left") return event.userId;
  if (event.type !== "member:updated") return undefined;
  const { status, userId } = event.member;
  return status === "left" || status === "removed" ? userId : undefined;
}

/** A run cut behind each removal, so that who is removed hears of it, and of nothing after it. */
export function cutAtRemovals(run: Run): { run: Run; removed?: UserId }[] {
  const pieces: { run: Run; removed?: UserId }[] = [];
  let from = 0;
  for (const [i, event] of run.events.entries()) {
    const removed = removedBy(event);
    if (removed === undefined) continue;
    pieces.push({ run: { epoch: run.epoch, events: run.events.slice(from, i + 1) }, removed });
    from = i + 1;
  }
  if (from === 0) return [{ run }];
  if (from < run.events.length) pieces.push({ run: { epoch: run.epoch, events: run.events.slice(from) } });
  return pieces;
}
