/** Channels, spaces and their members as everyone sees them. */
import * as z from "zod";
import { ChannelId, UserId } from "./ids.ts";
import { name, TimeMs, text } from "./text.ts";

/** `topic`: listed to its space; `private`: by invitation; `group`: no space; `dm`: exactly two; `space`: members and roles only. */
export const ChannelKind = z
  .enum(["topic", "announcement", "private", "group", "dm", "space"])
  .meta({ id: "ChannelKind" });
export type ChannelKind = z.infer<typeof ChannelKind>;

/** Greatest first: a role may do what those after it may. `guest` reads only. */
export const ROLES = ["owner", "admin", "moderator", "member", "guest"] as const;
export const Role = z.enum(ROLES).meta({ id: "Role" });
export type Role = z.infer<typeof Role>;

/** Is `role` at least `least`? */
export function atLeast(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) <= ROLES.indexOf(least);
}

/** `removed` is banned, for ever or until `bannedUntilMs`; who was merely removed has `left`. */
export const MemberStatus = z.enum(["active", "pending", "left", "removed"]).meta({ id: "MemberStatus" });
export type MemberStatus = z.infer<typeof MemberStatus>;

/** What one member may do against their role's default. */
export const Overrides = z
  .strictObject({
    send: z.boolean().optional(),
    upload: z.boolean().optional(),
    addMembers: z.boolean().optional(),
    removeMembers: z.boolean().optional(),
  })
  .meta({ id: "Overrides" });
export type Overrides = z.infer<typeof Overrides>;

/** A mute or ban's end: absent or null as the request defines it, 0 lifts it. */
export const EndMs = TimeMs.nullable();

export const Member = z
  .object({
    userId: UserId,
    role: Role,
    status: MemberStatus,
    overrides: Overrides.optional(),
    /** `null`: for ever. */
    mutedUntilMs: EndMs.optional(),
    bannedUntilMs: EndMs.optional(),
    joinedAtMs: TimeMs,
  })
  .meta({ id: "Member" });
export type Member = z.infer<typeof Member>;

/** Six hours, as the longest slow mode that communities use. */
export const SLOW_MODE_MAX_SECONDS = 21_600;
export const MEMBER_LIMIT_MAX = 5_000_000;

export const Settings = z
  .strictObject({
    /** Seconds between two messages of one author; moderators exempt; 0 is off. */
    slowModeSeconds: z.int().min(0).max(SLOW_MODE_MAX_SECONDS).optional(),
    /** Active members at most; absent: no limit. */
    memberLimit: z.int().min(2).max(MEMBER_LIMIT_MAX).optional(),
    /** Days without a message until the channel archives itself; absent: never. */
    autoArchiveDays: z.int().min(1).max(3_650).optional(),
    /** What an ack promises when the sender asks for nothing. Default `logged`. */
    durability: z.enum(["logged", "persisted"]).optional(),
    moderation: z.enum(["off", "flag", "block"]).optional(),
  })
  .meta({ id: "Settings" });
export type Settings = z.infer<typeof Settings>;

export const ChannelName = name(1, 100);
export const Description = text(0, 1_000);
/** The text search configurations that Postgres ships; `simple` stems nothing. */
export const Language = z
  .enum([
    "simple",
    "arabic",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hungarian",
    "indonesian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
  ])
  .meta({ id: "Language" });
export const Slug = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, "lower-case letters, digits and inner hyphens, up to 64");

/** A place in a channel's history: (seq, epoch) names one event for ever (rule I1). `[seq, epoch]` on the wire where many travel. */
export const Position = z.tuple([z.int().nonnegative(), z.int().nonnegative()]).meta({ id: "Position" });
export type Position = z.infer<typeof Position>;

export const Channel = z
  .object({
    id: ChannelId,
    spaceId: ChannelId.optional(),
    kind: ChannelKind,
    name: ChannelName.optional(),
    description: Description.optional(),
    settings: Settings,
    archived: z.boolean(),
    seq: z.int().nonnegative(),
    epoch: z.int().nonnegative(),
    memberCount: z.int().nonnegative(),
    /** A space only. */
    slug: Slug.optional(),
    language: Language.optional(),
  })
  .meta({ id: "Channel" });
export type Channel = z.infer<typeof Channel>;
