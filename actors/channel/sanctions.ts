/** Mutes and bans: they end by themselves, at the millisecond, since their end is read at every command (rules C2, E5). */
import type { Member } from "../../protocol/channel.ts";
import type { RefusalExtras } from "../../protocol/refusals.ts";

/** Is `member` banned at `nowMs`? Removed without an end is banned for ever. */
export function isBanned(member: Member, nowMs: number): boolean {
  return member.status === "removed" && (member.bannedUntilMs == null || member.bannedUntilMs > nowMs);
}

/** Is `member` muted at `nowMs`? `null` is for ever. */
export function isMuted(member: Member, nowMs: number): boolean {
  return member.mutedUntilMs === null || (member.mutedUntilMs !== undefined && member.mutedUntilMs > nowMs);
}

/** When to come back; nothing where a sanction has no end. */
export function untilEnd(endMs: number | null | undefined, nowMs: number): RefusalExtras {
  return endMs == null ? {} : { retryAfterMs: endMs - nowMs };
}
