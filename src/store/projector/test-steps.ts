/** Steps of a channel's life, for logs of any kind. */

/** What can happen; as often as it should come in a log. */
const LIFE = [
  "send",
  "send",
  "reply",
  "reply",
  "reply",
  "join",
  "join",
  "leave",
  "invite",
  "mute",
  "rename",
  "archive",
  "mark",
  "reign",
] as const;
/** What changes a message, or what someone has to do with its thread; whoever does it is no matter here. */
export const CHANGES = [
  "edit",
  "preview",
  "delete",
  "purge",
  "pin",
  "unpin",
  "react",
  "react",
  "react",
  "unreact",
  "follow",
  "follow",
] as const;

/** Steps that make no sense where they fall leave no record. */
export type Step = {
  channel: number;
  user: number;
  what: (typeof STEPS)[number];
  n: number;
};

export const STEPS = [...LIFE, ...CHANGES] as const;

/** Where they happen: in one channel mostly, so that most of it concerns the same few messages. */
export const CHANNELS = [0, 0, 0, 0, 1, 2] as const;
