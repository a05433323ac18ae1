/** What a person decides about themselves: settings, keys, and what they want to be told. */
import * as z from "zod";
import { text } from "./text.ts";

/** What a member is told of in a channel: every message, only what mentions them, nothing (row N3). */
export const Notify = z.enum(["all", "mentions", "none"]).meta({ id: "Notify" });
export type Notify = z.infer<typeof Notify>;

export const NotifyChoice = z.strictObject({ notify: Notify }).meta({ id: "NotifyChoice" });

/** An IANA name: `Europe/Berlin`. */
export const TimeZone = z
  .string()
  .max(64)
  .refine((name) => isTimeZone(name), "not an IANA time zone")
  .meta({ description: "An IANA time zone, such as Europe/Berlin." });

const MINUTES_OF_DAY = 1_440;
const KEYWORDS_MAX = 50;

export const UserSettings = z
  .strictObject({
    timeZone: TimeZone,
    /** Minutes after midnight in `timeZone`, from inclusive, to exclusive; over midnight where `to` is smaller. `null`: none. */
    quietHours: z
      .strictObject({
        fromMinute: z
          .int()
          .min(0)
          .max(MINUTES_OF_DAY - 1),
        toMinute: z
          .int()
          .min(0)
          .max(MINUTES_OF_DAY - 1),
      })
      .nullable(),
    digest: z.enum(["off", "hourly", "daily"]),
    /** Words that count as a mention. */
    keywords: z.array(text(1, 64)).max(KEYWORDS_MAX),
  })
  .meta({ id: "UserSettings" });
export type UserSettings = z.infer<typeof UserSettings>;

/** What is absent stays as it is. */
export const SettingsChanges = UserSettings.partial().meta({ id: "SettingsChanges" });
/** As kept: what was never changed is absent, and a newer version may have kept what this one does not know. */
export const StoredSettings = z.object(UserSettings.shape).partial();

export const DEFAULT_SETTINGS: UserSettings = {
  timeZone: "UTC",
  quietHours: null,
  digest: "off",
  keywords: [],
};

/** Opaque to the server (row S6). */
export const PublicKey = z
  .strictObject({ keyId: text(1, 128), algorithm: text(1, 64), key: text(1, 4_096) })
  .meta({ id: "PublicKey" });
export type PublicKey = z.infer<typeof PublicKey>;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
