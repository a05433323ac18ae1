/** Reactions: each person each emoji once, counted in the event itself, so that no count drifts (row C8, rule J1). */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { UserId } from "../../protocol/ids.ts";
import { REACTION_KINDS_MAX, RECENT_MAX } from "../../protocol/message.ts";
import { assert } from "../../src/lib/assert.ts";
import type { ChannelCommand } from "../commands.ts";
import { cutOff, silenced } from "./access.ts";
import { answer, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import { type MessageFacts, reactionsOf } from "./messages.ts";
import { admitTo, ownReactions } from "./named.ts";
import type { ChannelState } from "./state.ts";

type React = Extract<ChannelCommand, { type: "react" }>;

/** What is there already, or not there, changes nothing and is answered with the present count (rule B1). */
export function decideReact(state: Readonly<ChannelState>, command: React, nowMs: number): Outcome {
  const named = admitTo(state, command, "react", nowMs, ownReactions(command));
  if (!("about" in named)) return named;
  const { about } = named;
  const { by, emoji, on } = command;
  const { message } = about;
  if (message.deletedAtMs !== undefined) return refuse("already_deleted");
  const present = message.reactions.find((reaction) => reaction.emoji === emoji);
  if (reactionsOf(about, by)!.has(emoji) === on) return answer({ count: present?.count ?? 0 });
  const stopped = silenced(state, named, nowMs) ?? (on ? cutOff(state, by, nowMs) : undefined);
  if (stopped) return stopped;
  if (present === undefined && message.reactions.length >= REACTION_KINDS_MAX)
    return refuse("conflict", {
      message: `A message carries at most ${REACTION_KINDS_MAX} kinds of reactions.`,
    });
  const count = (present?.count ?? 0) + (on ? 1 : -1);
  assert(count >= 0, "what a person put on a message is counted there");
  const event: ChannelEvent = {
    type: on ? "reaction:added" : "reaction:removed",
    ...nextEvent(state, by, nowMs),
    messageId: message.id,
    emoji,
    count,
    recent: recentAfter(about, command, present?.recent ?? []),
  };
  return { ...answer({ count }), events: [recordOf(state, event)] };
}

/** Who is shown with an emoji: the first who came and are still there. A place that falls free is filled where all are known. */
function recentAfter(
  about: Readonly<MessageFacts>,
  { by, emoji, on }: React,
  recent: readonly UserId[],
): UserId[] {
  if (on) return [...recent, by].slice(0, RECENT_MAX);
  const others = recent.filter((userId) => userId !== by);
  if (!about.complete) return others;
  for (const [userId, emojis] of about.reactors) {
    if (others.length === RECENT_MAX) break;
    if (userId !== by && emojis.has(emoji) && !others.includes(userId)) others.push(userId);
  }
  return others;
}
