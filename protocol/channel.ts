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
/** A year: longer is no end. */
const EDIT_WINDOW_MAX_SECONDS = 31_536_000;
export const MEMBER_LIMIT_MAX = 5_000_000;

/** Above `messagesPerMinute` the wait is `minSeconds`, and grows with the rate up to `maxSeconds`. */
export const AutoSlowMode = z
  .strictObject({
    messagesPerMinute: z.int().min(1).max(60_000),
    minSeconds: z.int().min(1).max(SLOW_MODE_MAX_SECONDS),
    maxSeconds: z.int().min(1).max(SLOW_MODE_MAX_SECONDS),
  })
  .refine(({ minSeconds, maxSeconds }) => minSeconds <= maxSeconds, {
    error: "must not be less than minSeconds",
    path: ["maxSeconds"],
  })
  .meta({ id: "AutoSlowMode" });
export type AutoSlowMode = z.infer<typeof AutoSlowMode>;

export const Settings = z
  .strictObject({
    /** Seconds between two messages of one author; moderators exempt; 0 is off. */
    slowModeSeconds: z.int().min(0).max(SLOW_MODE_MAX_SECONDS).optional(),
    /** Slow mode that comes and goes with the rate; absent: none (row C11). */
    autoSlowMode: AutoSlowMode.optional(),
    /** Active members at most; absent: no limit. */
    memberLimit: z.int().min(2).max(MEMBER_LIMIT_MAX).optional(),
    /** Seconds after which a message's author may no longer edit it; absent: no end (row C5). */
    editWindowSeconds: z.int().min(0).max(EDIT_WINDOW_MAX_SECONDS).optional(),
    /** Days in which nothing happens until the channel archives itself; absent: never. */
    autoArchiveDays: z.int().min(1).max(3_650).optional(),
    /** What an ack promises when the sender asks for nothing. Default `logged`. */
    durability: z.enum(["logged", "persisted"]).optional(),
    moderation: z.enum(["off", "flag", "block"]).optional(),
  })
  .meta({ id: "Settings" });
export type Settings = z.infer<typeof Settings>;

type Nullables<S extends z.core.$ZodShape> = { [K in keyof S]: z.ZodNullable<S[K]> };

function nullables<S extends z.core.$ZodShape>(shape: S): Nullables<S> {
  const entries = Object.entries(shape).map(([key, schema]) => [key, z.nullable(schema)]);
  return Object.fromEntries(entries) as Nullables<S>;
}

/** What an update makes of settings, key by key: absent stays as it is, `null` is absent again. Never stored. */
export const SettingsChange = z.strictObject(nullables(Settings.shape)).meta({ id: "SettingsChange" });
export type SettingsChange = z.infer<typeof SettingsChange>;

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
    /** Automatic slow mode is on: so many seconds between two messages, until then. It ends by itself. */
    slowed: z.object({ seconds: z.int().positive(), untilMs: TimeMs }).optional(),
    seq: z.int().nonnegative(),
    epoch: z.int().nonnegative(),
    memberCount: z.int().nonnegative(),
    /** A space only. */
    slug: Slug.optional(),
    language: Language.optional(),
  })
  .meta({ id: "Channel" });
export type Channel = z.infer<typeof Channel>;
