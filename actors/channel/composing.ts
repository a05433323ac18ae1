/** How a message is put together from what was asked for: what it answers, its thread, whom it names (rows C7, C10, P7). */
import type { ChannelKind, Role } from "../../protocol/channel.ts";
import { messageId, type UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { PreparedMessage } from "../commands.ts";
import type { EventRecord } from "../ports.ts";
import { NOT_BETWEEN_THEM } from "./access.ts";
import { type Audience, audienceOf } from "./audience.ts";
import { type Decision, type Need, nextEvent, refuse } from "./decision.ts";
import type { FactKey } from "./facts.ts";
import { MAY_NOT_MENTION_ALL, mayMentionAll, mentionsAll, mentionsOf, namedIn } from "./mentions.ts";
import type { Concerned } from "./notices.ts";
import type { ChannelState } from "./state.ts";
import { followingOf, namedMessage, threadOf } from "./threads.ts";

/** Code points of an answered message that its answer repeats: two lines on a phone. Chosen. */
const EXCERPT_MAX = 140;

/** Who says what, where. `before`: what the same command decides first. */
export type Sending = {
  by: UserId;
  prepared: PreparedMessage;
  kind: ChannelKind;
  role: Role;
  before: readonly EventRecord[];
};

/** The message as everyone will see it, the first message of its thread, and whom it concerns. */
type Composed = {
  message: Message;
  root: Readonly<Message> | undefined;
  audience: Audience;
  concerned: Concerned;
};

/** Refuses what may not be said so; nothing is sent weaker than it was asked for, but for names of people who may not be told. */
export function compose(
  state: Readonly<ChannelState>,
  sending: Sending,
  nowMs: number,
): Composed | Decision | Need {
  const { by, prepared, kind, role, before } = sending;
  if (mentionsAll(prepared.mentions) && !mayMentionAll(kind, role, state.fold.memberCount))
    return refuse("forbidden", { message: MAY_NOT_MENTION_ALL });
  // What can be known to be missing already is fetched in one go.
  const need: FactKey[] = [];
  const references = referencesOf(state, prepared, need);
  if ("answer" in references) return references;
  const { root, replied } = references;
  const threadAuthor = root && followingAuthor(state, root, by, need);
  const other = kind === "dm" ? otherOfPair(state, sending) : undefined;
  const named = namedIn(prepared.mentions);
  const people = [...named, replied?.authorId, threadAuthor, other].filter((userId) => userId !== undefined);
  const audience = audienceOf(state, { by, before }, people, nowMs, need);
  if (need.length > 0) return { need };
  if (other && !audience.has(other)) return refuse("forbidden", { message: NOT_BETWEEN_THEM });
  const hearing = new Set(named.filter((userId) => audience.has(userId)));
  const message = messageOf(state, sending, references, hearing, nowMs);
  return { message, root, audience, concerned: { named, replied: replied?.authorId, threadAuthor, other } };
}

type References = { root?: Readonly<Message>; replied?: Readonly<Message> };

/** The messages that this one refers to: all there, and none of them deleted. What must be fetched is put into `need`. */
function referencesOf(
  state: Readonly<ChannelState>,
  { threadId, replyTo }: PreparedMessage,
  need: FactKey[],
): References | Decision {
  const found = {
    root: threadId && threadOf(state, threadId),
    replied: replyTo && namedMessage(state, replyTo),
  };
  const references: References = {};
  for (const name of ["root", "replied"] as const) {
    const message = found[name];
    if (message === undefined) continue;
    if ("answer" in message) return message;
    if ("need" in message) need.push(...message.need);
    else if (message.deletedAtMs !== undefined) return refuse("already_deleted");
    else references[name] = message;
  }
  return references;
}

/** Who began the thread, while they follow it: they do until they say otherwise. Undefined: nobody is to be told. */
function followingAuthor(
  { facts }: Readonly<ChannelState>,
  { seq, authorId }: Readonly<Message>,
  by: UserId,
  need: FactKey[],
): UserId | undefined {
  if (authorId === by) return undefined;
  const known = followingOf(facts, seq, authorId);
  if (known === undefined) need.push({ fact: "follow", seq, userId: authorId });
  return known?.following === false ? undefined : authorId;
}

/** The other person of a dm, which this command may be making. */
function otherOfPair({ pair }: Readonly<ChannelState>, { by, before }: Sending): UserId | undefined {
  const people =
    pair ?? before.flatMap(({ event }) => (event.type === "member:joined" ? [event.member.userId] : []));
  return people.find((userId) => userId !== by);
}

function messageOf(
  state: Readonly<ChannelState>,
  { by, prepared, before }: Sending,
  { root, replied }: References,
  named: ReadonlySet<UserId>,
  nowMs: number,
): Message {
  const { sentHash: _kept, replyTo: _named, mentions, ...said } = prepared;
  const { seq, atMs } = nextEvent(state, by, nowMs, before.length);
  return {
    ...said,
    id: messageId(state.id, seq),
    channelId: state.id,
    seq,
    ordinal: (root ? root.replyCount : state.fold.messageCount) + 1,
    authorId: by,
    mentions: mentionsOf(mentions, named),
    ...(replied && { replyTo: quoteOf(replied) }),
    replyCount: 0,
    reactions: [],
    pinned: false,
    atMs,
  };
}

/** What an answer shows of the message that it answers; of opaque content nothing. */
function quoteOf({ id, authorId, content, encryption }: Readonly<Message>): NonNullable<Message["replyTo"]> {
  const excerpt = encryption ? "" : [...content.slice(0, 2 * EXCERPT_MAX)].slice(0, EXCERPT_MAX).join("");
  return { id, authorId, excerpt };
}

/** A reply's thread as it stands with it. */
export function threadWith(root: Readonly<Message>, { ordinal, atMs }: Message) {
  return { id: root.id, authorId: root.authorId, replyCount: ordinal, lastReplyAtMs: atMs };
}
