/** Another text for a message: by its author alone, while they may post, within the channel's window (row C5). */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { Message } from "../../protocol/message.ts";
import { CODE_MAX, codePointsWithin, TEXT_MAX } from "../../protocol/text.ts";
import type { ChannelCommand } from "../commands.ts";
import { cutOff, silenced } from "./access.ts";
import { answer, type Decision, nextEvent, type Outcome, recordOf, refuse } from "./decision.ts";
import { asSeenBy, messageAfter } from "./messages.ts";
import { admitTo, type Named, ownReactions } from "./named.ts";
import type { ChannelState } from "./state.ts";

type Edit = Extract<ChannelCommand, { type: "edit" }>;

/** Slow mode does not count here. The text that stands already changes nothing, whatever has closed since (rule B1). */
export function decideEdit(state: Readonly<ChannelState>, command: Edit, nowMs: number): Outcome {
  const named = admitTo(state, command, "post", nowMs, ownReactions(command));
  if (!("about" in named)) return named;
  const { message } = named.about;
  const { by, content, html } = command;
  if (message.authorId !== by || message.type === "system") return refuse("forbidden");
  if (message.deletedAtMs !== undefined) return refuse("already_deleted");
  if (message.content === content) return answer({ message: asSeenBy(named.about, by) });
  const common = nextEvent(state, by, nowMs);
  const stopped =
    silenced(state, named, nowMs) ??
    cutOff(state, by, nowMs) ??
    unfit(message, content) ??
    tooLate(named, common.atMs);
  if (stopped) return stopped;
  const event: ChannelEvent = {
    type: "message:updated",
    ...common,
    messageId: message.id,
    content,
    // What the server cannot read it does not render (row S6), whatever the gateway took it for.
    html: message.encryption ? "" : html,
    editedAtMs: common.atMs,
  };
  const after = { ...named.about, message: messageAfter(message, event) };
  return { ...answer({ message: asSeenBy(after, by) }), events: [recordOf(state, event)] };
}

/** The request does not say what sort of message it edits: the bounds of a new one hold, and are known only here. */
function unfit({ type, encryption, attachments }: Message, content: string): Decision | undefined {
  const max = type === "code" || encryption ? CODE_MAX : TEXT_MAX;
  const fits = codePointsWithin(content, max) && (content.trim().length > 0 || attachments.length > 0);
  return fits
    ? undefined
    : refuse("malformed", { message: `The text of this message has 1 to ${max} characters.` });
}

function tooLate({ channel, about: { message } }: Named, atMs: number): Decision | undefined {
  const { editWindowSeconds = Number.POSITIVE_INFINITY } = channel.settings;
  return atMs < message.atMs + editWindowSeconds * 1_000 ? undefined : refuse("edit_window_closed");
}
