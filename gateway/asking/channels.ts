/** What people do with channels, spaces among them, and with who is in them (rows C1, C2, C13). */
import type { Channel, Member } from "../../protocol/channel.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import { type Answer, type Refused, refused } from "../../protocol/refusals.ts";
import type { ChannelUpdate, MemberChange, MemberRemove } from "../../protocol/requests.ts";
import { type Asking, type By, done } from "./asking.ts";

export function updateChannel(
  { router }: Asking,
  { userId, trace }: By,
  { channelId, ...changes }: ChannelUpdate,
): Promise<Answer<{ channel: Channel }>> {
  return router.askChannel(channelId, { type: "update", by: userId, ...changes }, trace);
}

/** Gives up membership. Rooms act on the event, when it is relayed: here as on every other node. */
export async function leaveChannel(
  { router }: Asking,
  { userId, trace }: By,
  channelId: ChannelId,
): Promise<Answer> {
  return done(await router.askChannel(channelId, { type: "leave", by: userId }, trace));
}

/** Whom nobody knows is `not_found`. Rejects with `StoreAway`. */
export async function inviteMember(
  { router, userExists }: Asking,
  { userId, trace }: By,
  { channelId, ...invited }: MemberChange,
): Promise<Answer<{ member: Member }>> {
  if (!(await userExists(invited.userId))) return refused("not_found");
  return router.askChannel(channelId, { type: "invite", by: userId, ...invited }, trace);
}

export function changeMember(
  { router }: Asking,
  { userId, trace }: By,
  { channelId, ...change }: MemberChange,
): Promise<Answer<{ member: Member }>> {
  return router.askChannel(channelId, { type: "change_member", by: userId, ...change }, trace);
}

/** Whom nobody knows cannot be banned: `not_found`. Rejects with `StoreAway`. */
export async function removeMember(
  { router, userExists }: Asking,
  { userId, trace }: By,
  { channelId, ...removal }: MemberRemove,
): Promise<Answer<{ member: Member }>> {
  // A ban keeps people out who never were here, so the owner cannot tell.
  const bans = removal.bannedUntilMs !== undefined && removal.bannedUntilMs !== 0;
  if (bans && !(await userExists(removal.userId))) return refused("not_found");
  return router.askChannel(channelId, { type: "remove_member", by: userId, ...removal }, trace);
}

/** What is no space is not there, to whoever names it as one; undefined: it is. */
export async function unlessSpace(
  { router }: Pick<Asking, "router">,
  { userId, trace }: By,
  channelId: ChannelId,
): Promise<Refused | undefined> {
  const known = await router.askChannel(channelId, { type: "member", userId }, trace);
  if (!known.ok) return known;
  return known.kind === "space" ? undefined : refused("not_found");
}
