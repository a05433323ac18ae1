/** Sending a message, exactly once whatever is repeated (rules S1, S3; row C4). */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { Message } from "../../protocol/message.ts";
import type { ChannelCommand, PreparedMessage } from "../commands.ts";
import { admit, silenced } from "./access.ts";
import { compose, type Sending, threadWith } from "./composing.ts";
import { birthOfPair } from "./creation.ts";
import { answer, type Decision, type Need, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import { factName, type Sent, sendKey } from "./facts.ts";
import { knownMember } from "./members.ts";
import { knownMessage } from "./messages.ts";
import { noticesOf, toFollowersOf } from "./notices.ts";
import { slowedBehind, slowModeWaitMs } from "./slow-mode.ts";
import type { ChannelState, Mark } from "./state.ts";

type Send = Extract<ChannelCommand, { type: "send" }>;

/** A repeat is found before any other rule speaks; then form, access, sanctions, slow mode; then what the message refers to. */
export function decideSend(state: Readonly<ChannelState>, command: Send, nowMs: number): Outcome {
  const earlier = findEarlier(state, command);
  if ("need" in earlier) return earlier;
  if (earlier.sent) return repeated(state, command, earlier.sent, earlier.inPostgres);
  if (!isOffered(command.message)) return refuse("unsupported");
  if (state.fold.channel) return sendAsMember(state, command, nowMs);
  const birth = command.pair && birthOfPair(state, command.by, command.pair, nowMs);
  return birth
    ? sent(state, command, { kind: "dm", role: "member", before: birth }, nowMs)
    : refuse("not_found");
}

type Earlier = { sent: Sent; inPostgres: boolean } | { sent: undefined };

/**
 * The message that the author sent under this clientId before, as it stands now. Memory has every one that Postgres lacks; a clientId above the
 * author's greatest is new; anything else, and every resend, is looked up, and memory is asked again after that (rule S1).
 */
function findEarlier(
  state: Readonly<ChannelState>,
  { by, message: { clientId }, attempt }: Send,
): Earlier | Need {
  const inMemory = state.unflushedSends?.get(sendKey(by, clientId));
  if (inMemory?.event.type === "message:new") {
    const { message } = inMemory.event;
    return standing(state, { message, sentHash: inMemory.sentHash ?? "" }, false);
  }
  if (state.fold.channel === undefined) return { sent: undefined };
  const facts = knownMember(state.members, by);
  if (facts === undefined) return { need: [{ fact: "member", userId: by }] };
  const isAbove = facts.lastClientId === undefined || clientId > facts.lastClientId;
  if (isAbove && attempt === 1) return { sent: undefined };
  const key = { fact: "sent", authorId: by, clientId } as const;
  const { lookups } = state.facts;
  if (!lookups?.has(factName(key))) return { need: [key] };
  const found = lookups.get(factName(key));
  return typeof found === "object" && "message" in found ? standing(state, found, true) : { sent: undefined };
}

/** What has become of it meanwhile may not be in Postgres yet. */
function standing(
  state: Readonly<ChannelState>,
  { message, sentHash }: Sent,
  inPostgres: boolean,
): Earlier | Need {
  const { seq } = message;
  const known = knownMessage(state, seq);
  if (known === undefined) return { need: [{ fact: "message", seq }] };
  return { sent: { message: known === "missing" ? message : known.message, sentHash }, inPostgres };
}

/** The first message again, where the content is the same; it waits for the durability that this request asks for. */
function repeated(
  state: Readonly<ChannelState>,
  command: Send,
  earlier: Sent,
  inPostgres: boolean,
): Decision {
  if (earlier.sentHash !== command.message.sentHash)
    return refuse("conflict", { details: { messageId: earlier.message.id } });
  const durability = inPostgres ? "persisted" : durabilityOf(state, command);
  const waitsForFlush = durability === "persisted" && !inPostgres;
  return { ...answer({ message: earlier.message, durability, duplicate: true }), waitsForFlush };
}

function durabilityOf({ fold }: Readonly<ChannelState>, { durability }: Send) {
  return durability ?? fold.channel?.settings.durability ?? "logged";
}

/** Text and code: files are not offered, and nobody speaks for the system. */
function isOffered({ type, attachments }: PreparedMessage): boolean {
  return (type === "text" || type === "code") && attachments.length === 0;
}

function sendAsMember(state: Readonly<ChannelState>, command: Send, nowMs: number): Outcome {
  const admitted = admit(state, command.by, "post", nowMs);
  if (!("member" in admitted)) return admitted;
  const silence = silenced(state, admitted, nowMs);
  if (silence) return silence;
  const { channel, member, facts } = admitted;
  const { atMs } = nextEvent(state, command.by, nowMs);
  const retryAfterMs = slowModeWaitMs(channel, member, facts.lastSentAtMs, atMs);
  if (retryAfterMs > 0) return refuse("slow_mode", { retryAfterMs });
  return sent(state, command, { kind: channel.kind, role: member.role, before: [] }, nowMs);
}

/** The message at the next place of its channel, behind `before`, and whoever is to be told of it. */
function sent(
  state: Readonly<ChannelState>,
  command: Send,
  author: Pick<Sending, "kind" | "role" | "before">,
  nowMs: number,
): Outcome {
  const { by, message: prepared } = command;
  const composed = compose(state, { ...author, by, prepared }, nowMs);
  if (!("message" in composed)) return composed;
  const { message, root, audience, concerned } = composed;
  const { seq, atMs } = message;
  const event: ChannelEvent = {
    type: "message:new",
    seq,
    atMs,
    by,
    message,
    ...(root && { thread: threadWith(root, message) }),
  };
  const said = [...author.before, recordOf(state, event, prepared.sentHash)];
  const durability = durabilityOf(state, command);
  const notices = noticesOf(state, message, audience, concerned);
  return {
    ...answer({ message, durability }),
    events: slowedBehind(state, said, by, nowMs),
    marks: marksOf(state, message),
    notices,
    ...(root && { followersOf: toFollowersOf(message, root.seq, notices) }),
    waitsForFlush: durability === "persisted",
  };
}

/**
 * Sending moves its author's read mark (rule E6). A reply's event does not say how many messages of the channel lie before it:
 * the mark does, where it is not known already.
 */
function marksOf({ fold, members }: Readonly<ChannelState>, { authorId, seq, threadId }: Message): Mark[] {
  const { messageCount } = fold;
  if (threadId === undefined || knownMember(members, authorId)!.readCount === messageCount) return [];
  return [{ userId: authorId, delivered: seq, read: seq, readCount: messageCount }];
}
