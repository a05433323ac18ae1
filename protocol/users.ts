/** People and bots as everyone may see them, and what they may say of themselves. */
import * as z from "zod";
import { UserId } from "./ids.ts";
import { name, TimeMs, text } from "./text.ts";

/** Letters, digits, and `_ . -` inside: safe in a mention, a URL and a log line. Compared without case. */
export const Username = z
  .string()
  .regex(/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{1,30}[A-Za-z0-9_])$/, "3 to 32 letters, digits, or _ . - inside");
export const DisplayName = name(1, 64);

export const User = z
  .object({
    id: UserId,
    username: Username,
    displayName: DisplayName,
    avatarUrl: z.string().optional(),
    bio: text(0, 500).optional(),
    bot: z.boolean(),
    createdAtMs: TimeMs,
  })
  .meta({ id: "User" });
export type User = z.infer<typeof User>;

/** As long as browsers and proxies carry without cutting. */
const URL_MAX = 2_000;

/** Of a picture elsewhere: the server never fetches it. No credentials in it, for everyone sees it. */
const AvatarUrl = text(1, URL_MAX)
  .refine(isPlainHttpsUrl, "not an https URL")
  .meta({ format: "uri", description: "https, without credentials." });

/** What is absent stays, `null` takes it away. */
export const ProfileChanges = z
  .strictObject({
    displayName: DisplayName.optional(),
    bio: text(1, 500).nullable().optional(),
    avatarUrl: AvatarUrl.nullable().optional(),
  })
  .meta({ id: "ProfileChanges" });
export type ProfileChanges = z.infer<typeof ProfileChanges>;

function isPlainHttpsUrl(given: string): boolean {
  if (!/^https:\/\/[^\s"<>\\^`{|}]+$/.test(given) || !URL.canParse(given)) return false;
  const { username, password } = new URL(given);
  return username === "" && password === "";
}
