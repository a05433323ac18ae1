/** Slow mode: how long an author waits between two messages, over all devices and nodes (row C11). */
import { atLeast, type Member, type Settings } from "../../protocol/channel.ts";

/**
 * Milliseconds until `member` may send again; 0: now. Moderators are exempt. `lastSentAtMs` comes with the member from
 * Postgres, so the wait survives a restart (rule E5); 0: has never sent.
 */
export function slowModeWaitMs(
  settings: Settings,
  member: Member,
  lastSentAtMs: number,
  nowMs: number,
): number {
  const gapMs = (settings.slowModeSeconds ?? 0) * 1_000;
  if (gapMs === 0 || lastSentAtMs === 0 || atLeast(member.role, "moderator")) return 0;
  return Math.max(0, lastSentAtMs + gapMs - nowMs);
}
