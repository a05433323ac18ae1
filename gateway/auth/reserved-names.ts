/** Usernames that nobody may have: they mean something in a message, or would mislead people. */
const RESERVED = new Set(["everyone", "here", "channel", "system", "admin", "administrator", "hubbub"]);

/** Without case. */
export function isReserved(username: string): boolean {
  return RESERVED.has(username.toLowerCase());
}
