/** Text from people: bounds in code points, and nothing that Postgres or JSON cannot carry (rule J2). */
import * as z from "zod";

/** Code points of an ordinary message, and of a piece of code. */
export const TEXT_MAX = 4_000;
export const CODE_MAX = 16_000;

/** Valid Unicode without NUL or a lone surrogate: both are refused by Postgres (SQLSTATE 22021). */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** Code points, not UTF-16 units. Cheap when the text is plainly short enough or plainly too long. */
export function codePointsWithin(text: string, max: number): boolean {
  if (text.length <= max) return true;
  if (text.length > 2 * max) return false;
  let count = 0;
  for (const _ of text) if (++count > max) return false;
  return true;
}

/** A text of `min` to `max` code points. */
export function text(min: number, max: number) {
  return z
    .string()
    .refine(
      (value) => value.length >= min && codePointsWithin(value, max),
      `must have ${min} to ${max} characters`,
    )
    .refine(isStorable, "must be valid Unicode without NUL")
    .meta({ minLength: min, maxLength: max });
}

/** As `text`, and something other than white space in it. */
export function name(min: number, max: number) {
  return text(min, max).refine((value) => value.trim().length >= min, "must not be blank");
}

/** Unix milliseconds. */
export const TimeMs = z.int().nonnegative().max(8_640_000_000_000_000);

/** As the Unicode Consortium recommends them for interchange: one picture, however many code points; digits and `#` are none. */
const ONE_EMOJI = /^\p{RGI_Emoji}$/v;
const CUSTOM_EMOJI = /^:[a-z0-9_+-]{1,48}:$/i;

/** An emoji or a custom `:name:`. */
export const Emoji = text(1, 50)
  .refine((value) => ONE_EMOJI.test(value) || CUSTOM_EMOJI.test(value), "not an emoji or :name:")
  .meta({ description: "One emoji, or a custom one as :name:." });

const JSON_KEYS_MAX = 50;
const METADATA_BYTES_MAX = 4_096;

/** A small flat bag of the client's own. Its bytes are bounded, since every reader carries them. */
export const Metadata = z
  .record(text(1, 64), z.union([text(0, 1_000), z.number(), z.boolean(), z.null()]))
  .refine((bag) => Object.keys(bag).length <= JSON_KEYS_MAX, `at most ${JSON_KEYS_MAX} keys`)
  .refine(
    (bag) => new TextEncoder().encode(JSON.stringify(bag)).length <= METADATA_BYTES_MAX,
    `at most ${METADATA_BYTES_MAX} bytes`,
  );
export type Metadata = z.infer<typeof Metadata>;
