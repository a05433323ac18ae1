/** Commands played on a channel's state alone, for the tests of its rules: every fact that is needed is at hand, and nothing fails. */
import type { ChannelKind, Role, Settings } from "../protocol/channel.ts";
import { type ChannelId, messageId, type UserId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { Answer } from "../protocol/refusals.ts";
import { assert } from "../src/lib/assert.ts";
import { dmId } from "../src/lib/dm-id.ts";
import { apply, settle } from "./channel/apply.ts";
import { decide } from "./channel/decide.ts";
import type { Decision } from "./channel/decision.ts";
import { type FactKey, factName, learnBlock, learnLookup, learnSpaceMember } from "./channel/facts.ts";
import { applyMark, settleMark, takeMarks } from "./channel/marks.ts";
import { learnMember } from "./channel/members.ts";
import { learnMessage, learnReactions } from "./channel/messages.ts";
import { learnPins } from "./channel/pins.ts";
import { type ChannelState, restore } from "./channel/state.ts";
import { applyFollow, learnFollow } from "./channel/threads.ts";
import { learnMentions, learnMentionsAfter } from "./channel/unread.ts";
import type { ChannelCommand } from "./commands.ts";
import { channel, client, said, user } from "./doubles.ts";
import { HandStore } from "./hand-store.ts";
import type { EventRecord, FollowRecord } from "./ports.ts";

/** What the answers of commands hold, as tests read them. */
export type Said = Answer<Record<string, never>> & {
  ok: boolean;
  error?: { code: string; retryAfterMs?: number };
} & Record<string, unknown>;

export const SPACE = channel(900);

export class Played {
  state: ChannelState;
  readonly log: EventRecord[] = [];
  readonly follows: FollowRecord[] = [];
  /** Roles in the space; absent: no member of it. */
  readonly inSpace = new Map<UserId, Role>();
  nowMs = 1_700_000_000_000;
  /** Events up to here have left the resume window: what Postgres has of them is fetched. */
  outOfWindowSeq = 0;
  #lastClient = 0;
  readonly store = new HandStore();
  #stored = 0;

  constructor(id: ChannelId = channel(1), reign = 1) {
    this.state = restore(id, reign, undefined, {
      at: (_id, seq) => (seq > this.outOfWindowSeq ? this.log[seq - 1] : undefined),
    });
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
    for (let round = 0; round < 8; round++) {
      const outcome = decide(this.state, command, this.nowMs);
      if ("need" in outcome) {
        for (const key of outcome.need) this.#learn(key);
        continue;
      }
      for (const record of outcome.events) this.#apply(record);
      for (const mark of outcome.marks ?? []) applyMark(this.state, mark);
      for (const follow of outcome.follows ?? []) {
        applyFollow(this.state.facts, follow);
        this.follows.push({ channelId: this.state.id, follow });
      }
      this.state.facts.lookups = undefined;
      return outcome;
    }
    throw new Error(`${command.type} needs more and more`);
  }

  /** A new message of `by`, with a clientId above all before. */
  say(by: UserId, content?: string): Said {
    return this.do({ type: "send", by, message: said(client(++this.#lastClient), content), attempt: 1 });
  }

  /** A message that no command here sends, at the next place: the server's own notice, or what another version wrote. */
  place(by: UserId, more: Partial<Message> = {}): Message {
    const { id, reign, fold } = this.state;
    const [seq, atMs, ordinal] = [fold.seq + 1, this.nowMs, fold.messageCount + 1];
    const clientId = client(++this.#lastClient);
    const { sentHash, ...prepared } = said(clientId);
    const message = { ...prepared, id: messageId(id, seq), channelId: id, seq, ordinal, authorId: by, atMs };
    const whole = { ...message, replyCount: 0, reactions: [], pinned: false, ...more } as Message;
    const event = { type: "message:new" as const, seq, atMs, by, message: whole };
    this.#apply({ channelId: id, epoch: reign, event, sentHash });
    return whole;
  }

  /** Postgres has everything so far. */
  flush(): void {
    const marks = takeMarks(this.state, Number.POSITIVE_INFINITY);
    this.store.project([...this.log.slice(this.#stored), ...marks, ...this.follows]);
    this.#stored = this.log.length;
    settle(this.state, this.state.fold.seq);
    for (const { mark } of marks) settleMark(this.state, mark);
  }

  /** Out of memory and back again: all that is known from here on comes from Postgres, fact by fact. */
  forget(): void {
    this.flush();
    const { id, reign, recent } = this.state;
    this.state = restore(id, reign, this.store.rows.get(id), recent);
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
  }

  /** What Postgres has of it at once, whatever a fetch would take. */
  #learn(key: FactKey): unknown {
    const { facts, members } = this.state;
    const { store } = this;
    const one = (seq: number) => messageId(this.state.id, seq);
    switch (key.fact) {
      case "space": {
        const role = this.inSpace.get(key.userId);
        const member = role && { userId: key.userId, role, status: "active" as const, joinedAtMs: 0 };
        const said = { member, isSpace: key.spaceId === SPACE, askedAtMs: this.nowMs };
        return learnSpaceMember(facts, key.userId, said);
      }
      case "sent":
        return learnLookup(facts, factName(key), store.sentRow(this.state.id, key.authorId, key.clientId));
      case "ordinal":
        return learnLookup(facts, factName(key), store.ordinalRow(this.state.id, key.seq));
      case "mentions": {
        const found = store.mentionsRow(this.state.id, key.userId, key.seq);
        return learnMentionsAfter(this.state, key.userId, key.seq, found);
      }
      case "member": {
        const row = store.memberRow(this.state.id, key.userId);
        learnMember(members, key.userId, row);
        return learnMentions(this.state, key.userId, row);
      }
      case "message": {
        const message = store.messages.get(one(key.seq));
        const found = message && { message, asOfSeq: this.state.flushedSeq };
        return learnMessage(this.state, key.seq, found);
      }
      case "reactions": {
        const emojis = [...(store.reacted.get(`${one(key.seq)}.${key.userId}`) ?? [])];
        const found = { emojis, asOfSeq: this.state.flushedSeq };
        return learnReactions(this.state, key.seq, key.userId, found);
      }
      case "pins": {
        const pinned = [...store.messages.values()].filter((message) => message.pinned);
        const found = { seqs: pinned.map(({ seq }) => seq), asOfSeq: this.state.flushedSeq };
        return learnPins(this.state, found);
      }
      case "follow":
        return learnFollow(facts, key.seq, key.userId, store.follows.get(`${one(key.seq)}.${key.userId}`));
      case "block":
        return learnBlock(facts, key.userId, key.other, {
          blocked:
            store.blocks.has(`${key.userId} ${key.other}`) || store.blocks.has(`${key.other} ${key.userId}`),
          askedAtMs: this.nowMs,
        });
    }
  }
}
