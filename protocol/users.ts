/** People and bots as everyone may see them. */
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
