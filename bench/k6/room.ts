/** All sockets of one channel, in one virtual user: so that what they saw can be compared, seq by seq. */
import type { ChannelEvent } from "../../protocol/events.ts";
import { ChatClient } from "../load/chat-client.ts";
import type { Change } from "../load/client-channel.ts";
import type { OpenLink } from "../load/link.ts";
import type { Observer } from "../load/observer.ts";

/** What to report while it happens. */
export type RoomMeter = {
  delivered(latencyMs: number): void;
  acked(latencyMs: number, pauseMs: number): void;
  sent(attempt: number): void;
  reconnected(reason: string): void;
  reset(): void;
  refused(code: string): void;
  /** The last answer to a change: an edit, a reaction, a read mark, typing. */
  changed(name: string, latencyMs: number): void;
  /** A change that can never succeed: none is expected. */
  changeRefused(name: string, code: string): void;
  failed(what: string, error: unknown): void;
};

export type RoomOptions = {
  channelId: string;
  nodes: string[];
  tokens: string[];
  openLink: OpenLink;
  meter: RoomMeter;
  tamper?: (events: ChannelEvent[]) => ChannelEvent[];
};

/** What was wrong, over all sockets of the room. Zero each, or the run fails. */
export type Verdict = {
  gaps: number;
  duplicates: number;
  disorders: number;
  forks: number;
  unacked: number;
  repaired: number;
};

/** One message in so many is a reply. */
const REPLY_EVERY = 5;
/** Replies under one message: then a new thread begins. */
const REPLIES_MAX = 20;
const EMOJIS = ["👍", "🎉", "🙂"];

type Known = { id: string; atMs: number };

export class Room {
  readonly #clients: ChatClient[] = [];
  /** By socket: the last message that it was acked. */
  readonly #own: (Known | undefined)[] = [];
  /** The last message of the room that was acked, and the one under which replies go now. */
  #last: Known | undefined;
  #thread: { id: string; replies: number } | undefined;
  #changesAsked = 0;
  #changesAnswered = 0;
  readonly #options: RoomOptions;
  /** seq → what it is, as the first socket saw it. */
  readonly #order = new Map<number, string>();
  /** seq → reign, as far as frames told it. */
  readonly #epochs = new Map<number, number>();
  /** By clientId. */
  readonly #acked = new Map<string, { seq: number; atMs: number }>();
  #forks = 0;
  #sentCount = 0;
  #lastAckAtMs = 0;

  constructor(options: RoomOptions) {
    this.#options = options;
  }

  /** One more socket. Spread over the nodes. */
  connect(): void {
    const { channelId, nodes, tokens, openLink, tamper } = this.#options;
    const i = this.#clients.length;
    const client = new ChatClient({
      token: tokens[i % tokens.length]!,
      nodes,
      firstNode: i,
      channelIds: [channelId],
      enter: "channel:join",
      openLink,
      tamper,
      observer: this.#observer(i),
    });
    this.#clients.push(client);
    client.start();
  }

  get sockets(): number {
    return this.#clients.length;
  }

  /** Message number `k` of the room, by one of its sockets; `k` counts up. */
  send(k: number): void {
    this.#sentCount += 1;
    this.#clients[k % this.#clients.length]!.send(
      this.#options.channelId,
      `${Date.now()} message ${k} of a load test`,
      turn(k, this.#clients.length) % REPLY_EVERY === 0 ? this.#threadToReplyIn() : undefined,
    );
  }

  /** Change number `k` of the room, by one of its sockets: an edit, a reaction, its end, a read mark, typing, in turn. */
  change(k: number): void {
    const i = k % this.#clients.length;
    const client = this.#clients[i]!;
    for (const change of this.#changesOf(i, turn(k, this.#clients.length))) {
      this.#changesAsked += 1;
      client.change(this.#options.channelId, change);
    }
  }

  get listening(): boolean {
    return this.#clients.every((client) => client.listening);
  }

  get settled(): boolean {
    return this.#clients.every((client) => client.settled);
  }

  /** Asks one node for the head; sockets below it missed something. `then` after every socket has been judged. */
  judge(then: (verdict: Verdict) => void): void {
    const { channelId } = this.#options;
    const channels = this.#clients.map((client) => client.channels.get(channelId)!);
    channels[0]!.head((head) => {
      const verdict: Verdict = {
        gaps: 0,
        duplicates: 0,
        disorders: 0,
        forks: this.#forks,
        unacked: this.#sentCount - this.#acked.size + this.#changesAsked - this.#changesAnswered,
        repaired: 0,
      };
      // Without an answer the greatest position of the room stands in for the head.
      const to = Math.max(head ?? 0, ...channels.map(({ position }) => position.seq));
      for (const { position } of channels) {
        verdict.gaps += to - position.seq + position.faults.holes;
        verdict.duplicates += position.faults.duplicates;
        verdict.disorders += position.faults.disorders;
        verdict.repaired += position.gaps;
      }
      then(verdict);
    });
  }

  stop(): void {
    for (const client of this.#clients) client.stop();
  }

  /** One line per acked message, for the check against Postgres; `atMs`: when its ack came. `epoch` 0: no frame told it. */
  ackedLines(): string[] {
    const { channelId } = this.#options;
    return [...this.#acked].map(([clientId, { seq, atMs }]) =>
      JSON.stringify({ channelId, seq, epoch: this.#epochs.get(seq) ?? 0, clientId, atMs }),
    );
  }

  #threadToReplyIn(): string | undefined {
    if (this.#thread === undefined || this.#thread.replies >= REPLIES_MAX)
      this.#thread = this.#last && { id: this.#last.id, replies: 0 };
    if (this.#thread) this.#thread.replies += 1;
    return this.#thread?.id;
  }

  #changesOf(i: number, nth: number): Change[] {
    const { channelId } = this.#options;
    const { position } = this.#clients[i]!.channels.get(channelId)!;
    const [own, last] = [this.#own[i], this.#last];
    const emoji = EMOJIS[nth % EMOJIS.length]!;
    switch (nth % 4) {
      case 0:
        if (own === undefined) return [];
        return [
          { name: "message:edit", payload: { messageId: own.id, content: `${own.atMs} edited (${nth})` } },
        ];
      case 1: {
        if (last === undefined) return [];
        const reaction = { messageId: last.id, emoji };
        const add: Change = { name: "reaction:add", payload: reaction };
        return nth % 8 === 1 ? [add] : [add, { name: "reaction:remove", payload: reaction }];
      }
      case 2:
        return [{ name: "channel:read", payload: { channelId, seq: position.seq } }];
      default:
        return [
          { name: "typing:start", payload: { channelId } },
          { name: "typing:stop", payload: { channelId } },
        ];
    }
  }

  #observer(i: number): Observer {
    const { meter } = this.#options;
    return {
      sent: (_, item) => meter.sent(item.attempt),
      acked: (_, item, { message }) => {
        const nowMs = Date.now();
        const known = this.#acked.get(item.clientId);
        if (known !== undefined && known.seq !== message.seq) this.#forks += 1;
        if (known !== undefined) return;
        this.#acked.set(item.clientId, { seq: message.seq, atMs: nowMs });
        this.#own[i] = { id: message.id, atMs: item.firstSentAtMs };
        if (message.threadId === undefined) this.#last = this.#own[i];
        meter.acked(nowMs - item.firstSentAtMs, this.#lastAckAtMs === 0 ? 0 : nowMs - this.#lastAckAtMs);
        this.#lastAckAtMs = nowMs;
      },
      refused: (_, _item, { code }) => meter.refused(code),
      changed: (_, { name, firstSentAtMs }, answer) => {
        if (!answer.ok && answer.error.retry !== "never") {
          meter.refused(answer.error.code);
          return;
        }
        this.#changesAnswered += 1;
        if (answer.ok) meter.changed(name, Date.now() - firstSentAtMs);
        else meter.changeRefused(name, answer.error.code);
      },
      disconnected: (reason) => meter.reconnected(reason),
      synced: (_, _via, _after, answer) => {
        if (answer.reset === true) meter.reset();
      },
      live: ({ epoch, events }) => {
        for (const { seq } of events) this.#epochs.set(seq, epoch);
      },
      took: (_, event) => this.#took(event),
      failed: (what, error) => meter.failed(what, error),
    };
  }

  #took(event: ChannelEvent): void {
    const is = event.type === "message:new" ? event.message.clientId : JSON.stringify(event);
    const before = this.#order.get(event.seq);
    if (before === undefined) this.#order.set(event.seq, is);
    else if (before !== is) this.#forks += 1;
    if (event.type === "message:new")
      this.#options.meter.delivered(Date.now() - Number.parseInt(event.message.content, 10));
  }
}

/** Counts on by one for each round over the sockets as well, so that each comes to everything. */
function turn(k: number, sockets: number): number {
  return k + Math.floor(k / sockets);
}
