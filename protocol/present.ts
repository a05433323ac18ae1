/** Who of a channel is there: its members and how they look to the caller. The larger it is, the less is said (row P4). */
import * as z from "zod";
import { Member } from "./channel.ts";
import { Presence } from "./signals.ts";
import { User } from "./users.ts";

/** Active members up to which a list names everyone, offline people too. Row P4. */
export const EVERYONE_LISTED_MAX = 250;
/** Active members up to which those who are there are named; beyond it they are counted, without one being named. Row P4. */
export const PRESENT_LISTED_MAX = 1_000;

/** By user id; `next` continues as `after`. Without `members`: more of them than are named. */
export const PresentPage = z
  .object({
    memberCount: z.int().nonnegative(),
    /** About how many are connected, invisible people too; only where nobody is named. */
    onlineCount: z.int().nonnegative().optional(),
    members: z.array(z.object({ user: User, member: Member, presence: Presence })).optional(),
    next: z.string().optional(),
    /** A node has not said who is connected to it: some who are there may be missing. */
    partial: z.boolean().optional(),
  })
  .meta({ id: "PresentPage" });
export type PresentPage = z.infer<typeof PresentPage>;
