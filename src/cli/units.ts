/** Numbers as people read them, always with their unit. */

const integer = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** `1,234`; below ten with a digit behind the point, unless there is nothing there. */
export function count(value: number): string {
  return value < 10 && !Number.isInteger(value) ? tenth.format(value) : integer.format(value);
}

/** `0.4 s`, `34 s`, `2 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 10_000) return `${tenth.format(ms / 1_000)} s`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A share of 1. */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** `1 shard`, `2 shards`. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** An incarnation is `<name>.<nonce>`: people know the name. */
export function nameOf(id: string): string {
  return id.replace(/\.[^.]*$/, "");
}

/** UTC, to the second. */
export function clockTime(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(11, 19)}Z`;
}
