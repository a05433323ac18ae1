/** A run that went right, imagined: what correct servers and clients would have recorded, faults of the network included. */
import type { ChannelEvent } from "../../protocol/events.ts";
import { type Changed, type EventSeen, eventSeen, type HistoryRecord } from "./history.ts";
import { ImaginedMessages } from "./imagined-messages.ts";

/** What may happen next. Numbers choose among clients and channels, modulo how many there are. */
export type Step =
  | { do: "send"; client: number; channel: number; persisted: boolean }
  | { do: "reply"; client: number; channel: number }
  | { do: "change"; client: number; channel: number; change: Changed["change"] }
  | { do: "read"; client: number; channel: number }
  /** The ack is lost with the connection: the client comes back and sends again. */
  | { do: "resend"; client: number; channel: number }
  /** `later`, then accepted. */
  | { do: "retry"; client: number; channel: number }
  | { do: "refuse"; client: number; channel: number }
  | { do: "member"; channel: number }
  /** What waits for this listener arrives, in one frame. */
  | { do: "deliver"; client: number; channel: number }
  /** A frame to this listener is lost; the client finds the gap and syncs. */
  | { do: "lose"; client: number; channel: number }
  /** The listener is skipped forward and told, then syncs (`reset`: opens again). */
  | { do: "skip"; client: number; channel: number; reset: boolean }
  | { do: "reconnect"; client: number }
  /** A client that was away during the last events leaves for good. */
  | { do: "leave"; client: number }
  | { do: "takeover" };

export const CLIENTS = 3;
export const CHANNELS = 2;

type Event = EventSeen & { epoch: number };

export class ImaginedRun {
  readonly history: HistoryRecord[] = [];
  readonly #events: Event[][] = Array.from({ length: CHANNELS }, () => []);
  /** Seq up to which each listener has everything, by client and channel. */
  readonly #have: number[][] = Array.from({ length: CLIENTS }, () =>
    Array.from({ length: CHANNELS }, () => 0),
  );
  readonly #talk = Array.from({ length: CHANNELS }, (_, c) => new ImaginedMessages(`channel-${c}`, CLIENTS));
  readonly #gone = new Set<number>();
  readonly #made: number[] = Array.from({ length: CHANNELS }, () => 0);
  #epoch = 1;
  #nowMs = 1_000;
  #messages = 0;

  constructor() {
    for (let client = 0; client < CLIENTS; client++) this.#connect(client);
    for (let channel = 0; channel < CHANNELS; channel++) {
      this.#decide(channel, "channel:created", "user-0");
      for (let client = 0; client < CLIENTS; client++) this.#open(client, channel);
    }
  }

  play(steps: readonly Step[]): this {
    for (const step of steps) this.#step(step);
    return this;
  }

  /** Everyone who is still there hears the rest; then what they hold, the rows and the log. */
  end(): HistoryRecord[] {
    for (let client = 0; client < CLIENTS; client++) {
      for (let channel = 0; channel < CHANNELS && !this.#gone.has(client); channel++) {
        this.#deliver(client, channel);
        this.history.push(...this.#talk[channel]!.end(client));
      }
    }
    for (const [channel, events] of this.#events.entries()) this.#rows(`channel-${channel}`, events);
    return this.history;
  }

  #step(step: Step): void {
    if (step.do === "takeover") this.#epoch += 1;
    else if (step.do === "member") this.#decide(step.channel % CHANNELS, "member:updated", "user-0");
    else this.#clientStep(step, step.client % CLIENTS, "channel" in step ? step.channel % CHANNELS : 0);
  }

  #clientStep(step: Exclude<Step, { do: "takeover" | "member" }>, client: number, channel: number): void {
    if (this.#gone.has(client)) return;
    switch (step.do) {
      case "send":
        this.#send(client, channel, step.persisted ? "persisted" : undefined);
        break;
      case "reply":
        this.#send(client, channel, undefined, true);
        break;
      case "change":
        this.#change(client, channel, step.change);
        break;
      case "read":
        this.#talk[channel]!.read(client);
        break;
      case "resend":
        this.#resend(client, channel);
        break;
      case "retry":
      case "refuse":
        this.#refuse(client, channel, step.do === "retry");
        break;
      case "deliver":
        this.#deliver(client, channel);
        break;
      case "lose":
        this.#lose(client, channel);
        break;
      case "skip":
        this.#skip(client, channel, step.reset);
        break;
      case "reconnect":
        this.#reconnect(client);
        break;
      case "leave":
        this.#gone.add(client);
        this.history.push({ what: "disconnect", client: `client-${client}` });
    }
  }

  #send(client: number, channel: number, durability?: "persisted", isReply = false): void {
    const message = this.#message(client, channel);
    this.history.push({ what: "send", ...message, attempt: 1, durability });
    const { seq, epoch } = this.#say(channel, message, isReply);
    const { content: _, ...ids } = message;
    this.history.push({ what: "ack", ...ids, seq, epoch, durability: durability ?? "logged" });
  }

  #resend(client: number, channel: number): void {
    const message = this.#message(client, channel);
    this.history.push({ what: "send", ...message, attempt: 1 });
    const { seq } = this.#say(channel, message);
    this.#reconnect(client);
    this.history.push({ what: "send", ...message, attempt: 2 });
    const { content: _, ...ids } = message;
    this.history.push({ what: "ack", ...ids, seq, durability: "logged", duplicate: true });
  }

  #refuse(client: number, channel: number, retried: boolean): void {
    const message = this.#message(client, channel);
    const { content: _, ...ids } = message;
    this.history.push({ what: "send", ...message, attempt: 1 });
    const code = retried ? "unavailable" : "forbidden";
    this.history.push({ what: "refused", ...ids, code, retry: retried ? "later" : "never" });
    if (!retried) return;
    this.history.push({ what: "send", ...message, attempt: 2 });
    const { seq } = this.#say(channel, message);
    this.history.push({ what: "ack", ...ids, seq, durability: "logged" });
  }

  #deliver(client: number, channel: number): void {
    const missing = this.#missing(client, channel);
    // Never of two reigns in one frame.
    for (const epoch of new Set(missing.map((event) => event.epoch))) {
      const events = missing.filter((event) => event.epoch === epoch).map(seen);
      this.history.push({ what: "events", ...names(client, channel), epoch, events });
    }
    this.#have[client]![channel] = this.#events[channel]!.length;
  }

  #lose(client: number, channel: number): void {
    const afterSeq = this.#have[client]![channel]!;
    if (this.#missing(client, channel).length === 0) return;
    this.#have[client]![channel] = this.#events[channel]!.length;
    this.#decide(channel, "member:updated", "user-0");
    this.#deliver(client, channel);
    this.#sync(client, channel, "sync", afterSeq);
  }

  #skip(client: number, channel: number, reset: boolean): void {
    const afterSeq = this.#have[client]![channel]!;
    const { seq, epoch } = this.#head(channel);
    this.history.push({ what: "behind", ...names(client, channel), seq, epoch });
    if (!reset) {
      this.#sync(client, channel, "sync", afterSeq);
      return;
    }
    const answer = { events: [], seq, epoch, more: false, reset: true };
    this.history.push({ what: "sync", via: "sync", ...names(client, channel), afterSeq, ...answer });
    this.#open(client, channel);
  }

  #reconnect(client: number): void {
    this.history.push({ what: "disconnect", client: `client-${client}` });
    this.#connect(client);
    for (let channel = 0; channel < CHANNELS; channel++) {
      this.#sync(client, channel, "resume", this.#have[client]![channel]!);
    }
  }

  #sync(client: number, channel: number, via: "sync" | "resume", afterSeq: number): void {
    const events = this.#events[channel]!.slice(afterSeq).map(seen);
    const { seq, epoch } = this.#head(channel);
    this.history.push({
      what: "sync",
      via,
      ...names(client, channel),
      afterSeq,
      events,
      seq,
      epoch,
      more: false,
    });
    this.#have[client]![channel] = seq;
  }

  #connect(client: number): void {
    this.history.push({ what: "connect", client: `client-${client}`, node: "node-0" });
  }

  #open(client: number, channel: number): void {
    const { seq, epoch } = this.#head(channel);
    this.history.push({ what: "open", ...names(client, channel), seq, epoch });
    this.#have[client]![channel] = seq;
  }

  #message(client: number, channel: number) {
    const clientId = `message-${++this.#messages}`;
    return { ...names(client, channel), by: `user-${client}`, clientId, content: `text of ${clientId}` };
  }

  #change(client: number, channel: number, change: Changed["change"]): void {
    const made = this.#talk[channel]!.change(client, change, this.#nowMs + 1);
    if (made === undefined) return;
    const by = `user-${client}`;
    this.#decide(channel, made.type, by, made.says);
    this.history.push({ what: "changed", ...names(client, channel), by, ...made.acked });
  }

  #say(channel: number, sent: { by: string; clientId: string; content: string }, isReply = false): Event {
    const at = { seq: this.#made[channel]! + 1, atMs: this.#nowMs + 1 };
    return this.#decide(channel, "message:new", sent.by, this.#talk[channel]!.message(at, sent, isReply));
  }

  #decide(channel: number, type: EventSeen["type"], by: string, says: object = {}): Event {
    const seq = ++this.#made[channel]!;
    const event = { type, seq, atMs: ++this.#nowMs, by, ...says } as ChannelEvent;
    this.#talk[channel]!.take(event);
    const decided = { ...eventSeen(event), epoch: this.#epoch };
    this.#events[channel]!.push(decided);
    return decided;
  }

  #missing(client: number, channel: number): Event[] {
    return this.#events[channel]!.slice(this.#have[client]![channel]);
  }

  #head(channel: number): Event {
    return this.#events[channel]!.at(-1)!;
  }

  #rows(channelId: string, events: Event[]): void {
    for (const event of events) {
      this.history.push({ what: "logged", channelId, epoch: event.epoch, event: seen(event) });
      const { seq, epoch, by: authorId, clientId, content, atMs } = event;
      if (clientId === undefined || content === undefined) continue;
      this.history.push({ what: "row", channelId, seq, epoch, authorId, clientId, content, atMs });
    }
    const { seq, epoch } = events.at(-1)!;
    this.history.push({ what: "channel", channelId, seq, epoch });
  }
}

function names(client: number, channel: number) {
  return { client: `client-${client}`, channelId: `channel-${channel}` };
}

function seen({ epoch: _, ...event }: Event): EventSeen {
  return event;
}
