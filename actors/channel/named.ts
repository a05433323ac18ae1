/** What every rule about one message opens with: who asks, which message, and everything that must be fetched in one go. */
import type { UserId } from "../../protocol/ids.ts";
import { type Action, type Admitted, admit } from "./access.ts";
import { answer, type Decision, type Need, type Outcome, refuse } from "./decision.ts";
import type { FactKey } from "./facts.ts";
import { asSeenBy, knownMessage, type MessageFacts, reactionsOf } from "./messages.ts";
import type { ChannelState } from "./state.ts";

/** An active member who may do what they ask for, and the message that they name. */
export type Named = Admitted & { about: Readonly<MessageFacts> };

/**
 * Refuses whom `admit` refuses, and `not_found` where no message stands under `seq`. `more`: what the rule needs besides, of a
 * message that is known, or of one that is still to be fetched.
 */
export function admitTo(
  state: Readonly<ChannelState>,
  { by, seq }: { by: UserId; seq: number },
  action: Action,
  nowMs: number,
  more: (about: Readonly<MessageFacts> | undefined) => FactKey[] = () => [],
): Named | Decision | Need {
  const admitted = admit(state, by, action, nowMs);
  if ("answer" in admitted) return admitted;
  const about = knownMessage(state, seq);
  if (about === "missing") return "need" in admitted ? admitted : refuse("not_found");
  const need = [...("need" in admitted ? admitted.need : []), ...more(about)];
  if (about === undefined) need.unshift({ fact: "message", seq });
  if (need.length > 0 || about === undefined || "need" in admitted) return { need };
  return { ...admitted, about };
}

/** For `admitTo`: what the asker has put on the message themselves. */
export function ownReactions({ by, seq }: { by: UserId; seq: number }) {
  return (about: Readonly<MessageFacts> | undefined): FactKey[] =>
    about && reactionsOf(about, by) ? [] : [{ fact: "reactions", seq, userId: by }];
}

/** One message as `by` sees it, their own reactions marked. */
export function decideMessage(
  state: Readonly<ChannelState>,
  command: { by: UserId; seq: number },
  nowMs: number,
): Outcome {
  const named = admitTo(state, command, "read", nowMs, ownReactions(command));
  if (!("about" in named)) return named;
  return answer({ message: asSeenBy(named.about, command.by) });
}
