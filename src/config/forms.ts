/** Forms of words and addresses: each answers undefined to what has another form. */

import { readFileSync } from "node:fs";
import { codeOf } from "../lib/trouble.ts";

/** Also the shortest key that HS256 is safe with (RFC 7518, 3.2). */
export const SECRET_LENGTH_MIN = 32;

/** Text of this form. */
export function matching(form: RegExp): (given: string) => string | undefined {
  return (given) => (form.test(given) ? given : undefined);
}

/** A URL of one of these schemes (`http:`). */
export function urlOf(...schemes: string[]): (given: string) => string | undefined {
  return (given) => (URL.canParse(given) && schemes.includes(new URL(given).protocol) ? given : undefined);
}

/** Origins of browsers with commas between, or `*`. */
export function originsOf(given: string): readonly string[] | undefined {
  const origins = given
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  const isOrigin = (each: string) =>
    each === "*" || (/^https?:/.test(each) && URL.canParse(each) && new URL(each).origin === each);
  return origins.every(isOrigin) ? origins : undefined;
}

/** A secret that nobody guesses. */
export function longEnough(given: string): string | undefined {
  return given.length >= SECRET_LENGTH_MIN ? given : undefined;
}

/** What a file of certificates holds. */
export function certificatesIn(path: string): string | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return text.includes("-----BEGIN CERTIFICATE-----") ? text : undefined;
  } catch (error) {
    if (codeOf(error) !== undefined) return undefined; // missing, or not ours to read
    throw error;
  }
}
