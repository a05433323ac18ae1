/**
 * A channel's rules, with no clock, no socket and no store in reach: `decide` reads the state and says what should happen, or
 * what it must know first. Each family of rules is a file beside this one; `apply.ts` makes happen what was decided.
 */
import type { UserId } from "../../protocol/ids.ts";
import { unreachable } from "../../src/lib/assert.ts";
import type { ChannelCommand } from "../commands.ts";
import { decideCreate } from "./creation.ts";
import { answer, type Outcome } from "./decision.ts";
import { decideDelete } from "./deleting.ts";
import { decideEdit } from "./editing.ts";
import { decideOpen, decideSync } from "./history.ts";
import { decideChangeMember, decideRemoveMember } from "./management.ts";
import { decideMark } from "./marks.ts";
import { knownMember } from "./members.ts";
import { decideInvite, decideJoin, decideLeave } from "./membership.ts";
import { decideMessage } from "./named.ts";
import { decidePin } from "./pins.ts";
import { decideReact } from "./reactions.ts";
import { decideSend } from "./sending.ts";
import type { ChannelState } from "./state.ts";
import { decideFollow } from "./threads.ts";
import { decideTyping } from "./typing.ts";
import { decideUpdate } from "./updating.ts";

/** Judges one command at `nowMs` (Unix). Reads `state`, changes nothing. */
export function decide(state: Readonly<ChannelState>, command: ChannelCommand, nowMs: number): Outcome {
  switch (command.type) {
    case "create":
      return decideCreate(state, command, nowMs);
    case "send":
      return decideSend(state, command, nowMs);
    case "join":
      return decideJoin(state, command, nowMs);
    case "leave":
      return decideLeave(state, command, nowMs);
    case "invite":
      return decideInvite(state, command, nowMs);
    case "edit":
      return decideEdit(state, command, nowMs);
    case "delete":
      return decideDelete(state, command, nowMs);
    case "pin":
      return decidePin(state, command, nowMs);
    case "react":
      return decideReact(state, command, nowMs);
    case "update":
      return decideUpdate(state, command, nowMs);
    case "change_member":
      return decideChangeMember(state, command, nowMs);
    case "remove_member":
      return decideRemoveMember(state, command, nowMs);
    case "follow":
      return decideFollow(state, command, nowMs);
    case "typing":
      return decideTyping(state, command, nowMs);
    case "message":
      return decideMessage(state, command, nowMs);
    case "open":
      return decideOpen(state, command, nowMs);
    case "sync":
      return decideSync(state, command, nowMs);
    case "mark":
      return decideMark(state, command, nowMs);
    case "member":
      return decideMember(state, command.userId);
    default:
      return unreachable(command);
  }
}

/** One member as they stand, to another actor: it judges for itself. */
function decideMember(state: Readonly<ChannelState>, userId: UserId): Outcome {
  const kind = state.fold.channel?.kind;
  if (kind === undefined) return answer({});
  const facts = knownMember(state.members, userId);
  if (facts === undefined) return { need: [{ fact: "member", userId }] };
  return answer({ kind, member: facts.member });
}
