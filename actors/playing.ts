/** Commands played on a channel's state alone, for the tests of its rules: every fact that is needed is at hand, and nothing fails. */
import type { ChannelKind, Role, Settings } from "../protocol/channel.ts";
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { Answer } from "../protocol/refusals.ts";
import { assert } from "../src/lib/assert.ts";
import { dmId } from "../src/lib/dm-id.ts";
import { apply, settle } from "./channel/apply.ts";
import { decide } from "./channel/decide.ts";
import type { Decision } from "./channel/decision.ts";
import { type FactKey, factName, learnLookup, learnSpaceMember, sendKey } from "./channel/facts.ts";
import { applyMark, settleMark, takeMarks } from "./channel/marks.ts";
import { learnMember } from "./channel/members.ts";
import { type ChannelState, restore } from "./channel/state.ts";
import type { ChannelCommand } from "./commands.ts";
import { channel, client, said, user } from "./doubles.ts";
import { HandStore } from "./hand-store.ts";
import type { EventRecord } from "./ports.ts";

/** What the answers of commands hold, as tests read them. */
export type Said = Answer<Record<string, never>> & {
  ok: boolean;
  error?: { code: string; retryAfterMs?: number };
} & Record<string, unknown>;

export const SPACE = channel(900);

export class Played {
  state: ChannelState;
  readonly log: EventRecord[] = [];
  /** Roles in the space; absent: no member of it. */
  readonly inSpace = new Map<UserId, Role>();
  nowMs = 1_700_000_000_000;
  #sends = new Map<string, { message: Message; sentHash: string }>();
  #lastClient = 0;
  #store = new HandStore();
  #stored = 0;

  constructor(id: ChannelId = channel(1), reign = 1) {
    this.state = restore(id, reign, undefined, { at: (_id, seq) => this.log[seq - 1] });
  }

  /** A channel of a kind that `owner` has made; a dm is with `other`. */
  static of(kind: ChannelKind, owner: UserId, options: { settings?: Settings; other?: UserId } = {}): Played {
    const other = options.other ?? user(99);
    const played = new Played(kind === "dm" ? dmId<ChannelId>(owner, other) : channel(1));
    played.inSpace.set(owner, "owner");
    const spaceId = ["topic", "announcement"].includes(kind) ? SPACE : undefined;
    const memberIds = kind === "dm" ? [other] : [];
    const made = played.do({
      type: "create",
      by: owner,
      channel: { kind, spaceId, settings: options.settings ?? {} },
      memberIds,
    });
    assert(made.ok, `made a ${kind}`);
    return played;
  }

  /** Decides and applies, as the actor does with a log that never fails. */
  do(command: ChannelCommand): Said {
    return this.decide(command).answer as Said;
  }

  decide(command: ChannelCommand): Decision {
    for (let round = 0; round < 4; round++) {
      const outcome = decide(this.state, command, this.nowMs);
      if ("need" in outcome) {
        for (const key of outcome.need) this.#learn(key);
        continue;
      }
      for (const record of outcome.events) this.#apply(record);
      for (const mark of outcome.marks ?? []) applyMark(this.state, mark);
      this.state.facts.lookups = undefined;
      return outcome;
    }
    throw new Error(`${command.type} needs more and more`);
  }

  /** A new message of `by`, with a clientId above all before. */
  say(by: UserId, content?: string): Said {
    return this.do({ type: "send", by, message: said(client(++this.#lastClient), content), attempt: 1 });
  }

  /** Postgres has everything so far. */
  flush(): void {
    const marks = takeMarks(this.state, Number.POSITIVE_INFINITY);
    this.#store.project([...this.log.slice(this.#stored), ...marks]);
    this.#stored = this.log.length;
    settle(this.state, this.state.fold.seq);
    for (const { mark } of marks) settleMark(this.state, mark);
  }

  /** Out of memory and back again: all that is known from here on comes from Postgres, fact by fact. */
  forget(): void {
    this.flush();
    const { id, reign, recent } = this.state;
    this.state = restore(id, reign, this.#store.rows.get(id), recent);
  }

  /** Brings a person in, in a role, by the owner's hand. */
  admit(owner: UserId, userId: UserId, role: Role = "member"): void {
    this.inSpace.set(userId, "member");
    const kind = this.state.fold.channel!.kind;
    if (kind !== "dm") this.do({ type: "invite", by: owner, userId, role });
    const joined = this.do({ type: "join", by: userId });
    assert(joined.ok, `${userId} joined`);
  }

  #apply(record: EventRecord): void {
    apply(this.state, record);
    this.log.push(record);
    const { event, sentHash } = record;
    if (event.type === "message:new") {
      const { message } = event;
      this.#sends.set(sendKey(message.authorId, message.clientId), { message, sentHash: sentHash! });
    }
  }

  #learn(key: FactKey): void {
    const { facts, members } = this.state;
    if (key.fact === "space") {
      const role = this.inSpace.get(key.userId);
      const member = role && { userId: key.userId, role, status: "active" as const, joinedAtMs: 0 };
      learnSpaceMember(facts, key.userId, { member, isSpace: key.spaceId === SPACE, askedAtMs: this.nowMs });
    } else if (key.fact === "sent") learnLookup(facts, factName(key), this.#sends.get(factName(key)));
    else if (key.fact === "ordinal") {
      const upTo = this.log.filter(({ event }) => event.type === "message:new" && event.seq <= key.seq);
      learnLookup(facts, factName(key), upTo.length);
    } else learnMember(members, key.userId, this.#store.members.get(`${this.state.id}.${key.userId}`));
  }
}
