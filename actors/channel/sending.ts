/** Sending a message, exactly once whatever is repeated (rules S1, S3; row C4). */
import { messageId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { ChannelCommand, PreparedMessage } from "../commands.ts";
import type { EventRecord } from "../ports.ts";
import { admit } from "./access.ts";
import { birthOfPair } from "./creation.ts";
import { answer, type Decision, type Need, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import { factName, type Sent, sendKey } from "./facts.ts";
import { knownMember } from "./members.ts";
import { isMuted, untilEnd } from "./sanctions.ts";
import { slowModeWaitMs } from "./slow-mode.ts";
import type { ChannelState } from "./state.ts";

type Send = Extract<ChannelCommand, { type: "send" }>;

/** A repeat is found before any other rule speaks; then form, access, sanctions, slow mode; then the message. */
export function decideSend(state: Readonly<ChannelState>, command: Send, nowMs: number): Outcome {
  const earlier = findEarlier(state, command);
  if ("need" in earlier) return earlier;
  if (earlier.sent) return repeated(state, command, earlier.sent, earlier.inPostgres);
  if (!isOffered(command.message)) return refuse("unsupported");
  if (state.fold.channel) return sendAsMember(state, command, nowMs);
  const birth = command.pair && birthOfPair(state, command.by, command.pair, nowMs);
  return birth ? sent(state, command, birth, nowMs) : refuse("not_found");
}

type Earlier = { sent: Sent; inPostgres: boolean } | { sent: undefined };

/**
 * The message that the author sent under this clientId before. Memory has every one that Postgres lacks; a clientId above the
 * author's greatest is new; anything else, and every resend, is looked up, and memory is asked again after that (rule S1).
 */
function findEarlier(
  state: Readonly<ChannelState>,
  { by, message: { clientId }, attempt }: Send,
): Earlier | Need {
  const inMemory = state.unflushedSends?.get(sendKey(by, clientId));
  if (inMemory?.event.type === "message:new") {
    return {
      sent: { message: inMemory.event.message, sentHash: inMemory.sentHash ?? "" },
      inPostgres: false,
    };
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
  return typeof found === "object" ? { sent: found, inPostgres: true } : { sent: undefined };
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

/** Text alone: code, files, replies, threads and encrypted content are not offered. */
function isOffered({ type, replyTo, threadId, attachments, encryption }: PreparedMessage): boolean {
  return type === "text" && !replyTo && !threadId && attachments.length === 0 && !encryption;
}

function sendAsMember(state: Readonly<ChannelState>, command: Send, nowMs: number): Outcome {
  const admitted = admit(state, command.by, "post", nowMs);
  if (!("member" in admitted)) return admitted;
  const { channel, member, facts } = admitted;
  if (channel.archived) return refuse("archived");
  if (isMuted(member, nowMs)) return refuse("muted", untilEnd(member.mutedUntilMs, nowMs));
  const { atMs } = nextEvent(state, command.by, nowMs);
  const retryAfterMs = slowModeWaitMs(channel.settings, member, facts.lastSentAtMs, atMs);
  if (retryAfterMs > 0) return refuse("slow_mode", { retryAfterMs });
  return sent(state, command, [], nowMs);
}

/** The message as everyone will see it, at the next place of its channel. `before`: what the same command decides first. */
function sent(
  state: Readonly<ChannelState>,
  command: Send,
  before: readonly EventRecord[],
  nowMs: number,
): Decision {
  const { clientId, type, content, html, language, filename, mentions, metadata, sentHash } = command.message;
  const common = nextEvent(state, command.by, nowMs, before.length);
  const message: Message = {
    id: messageId(state.id, common.seq),
    channelId: state.id,
    seq: common.seq,
    ordinal: state.fold.messageCount + 1,
    authorId: command.by,
    clientId,
    type,
    content,
    html,
    ...(language !== undefined && { language }),
    ...(filename !== undefined && { filename }),
    mentions,
    attachments: [],
    replyCount: 0,
    reactions: [],
    pinned: false,
    atMs: common.atMs,
    metadata,
  };
  const durability = durabilityOf(state, command);
  const events = [...before, recordOf(state, { type: "message:new", ...common, message }, sentHash)];
  return { ...answer({ message, durability }), events, waitsForFlush: durability === "persisted" };
}
