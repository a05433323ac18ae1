/** One client of a flock: what it says, what it hears and how late, and each time that it was away. */
import type { ChannelEvent } from "../../protocol/events.ts";
import type { SessionClosing } from "../../protocol/session.ts";
import { ChatClient } from "./chat-client.ts";
import { type OpenLink, rawLink } from "./link.ts";
import { openNodeSocket } from "./node-socket.ts";

export type MemberOptions = {
  token: string;
  /** Where it connects, in this order and round. */
  nodes: string[];
  channelIds: string[];
  /** Sockets that listen to each of its channels: a message of its own is expected so often. */
  listeners: number;
  /** Milliseconds between two messages; absent: it listens only. */
  everyMs?: number;
};

/** Once away: Unix milliseconds with their fraction. Absent: not yet. */
export type Away = {
  lostAtMs: number;
  /** The try to connect that succeeded began. */
  triedAtMs?: number;
  /** `session:ready`. */
  readyAtMs?: number;
  /** Listens to all of its channels again. */
  listeningAtMs?: number;
};

export type Closing = SessionClosing & { atMs: number };

/** By whole milliseconds: how many. */
export type Tally = [ms: number, times: number][];

export type Seen = {
  sent: number;
  acked: number;
  refused: number;
  delivered: number;
  /** Deliveries that should have been: of what was acked. */
  expected: number;
  /** Duplicates, disorder, holes. */
  wrong: number;
  notReady: number;
  notListening: number;
  failed: string[];
  aways: Away[];
  closings: Closing[];
  /** From a message's place in the order (its author may have been away before) to its coming, while the client was there. */
  late: Tally;
  /** Of those that came to pass while it was away: from the beginning of its way back to their coming. */
  replayed: Tally;
};

/** What all members of a process count together. */
export class FlockCounts {
  sent = 0;
  acked = 0;
  refused = 0;
  delivered = 0;
  expected = 0;
  failed: string[] = [];
  aways: Away[] = [];
  closings: Closing[] = [];
  readonly late = new Map<number, number>();
  readonly replayed = new Map<number, number>();

  forget(): void {
    this.sent = this.acked = this.refused = this.delivered = this.expected = 0;
    this.aways = [];
    this.closings = [];
    this.late.clear();
    this.replayed.clear();
  }
}

const openRaw = rawLink(openNodeSocket);

export class FlockMember {
  readonly client: ChatClient;
  readonly #options: MemberOptions;
  readonly #counts: FlockCounts;
  #triedAtMs = 0;
  #ready = false;
  /** The last time that it was away, also when it is over. */
  #away: Away | undefined;
  #next = 0;

  constructor(options: MemberOptions, counts: FlockCounts) {
    this.#options = options;
    this.#counts = counts;
    this.client = new ChatClient({
      token: options.token,
      nodes: options.nodes,
      firstNode: 0,
      channelIds: options.channelIds,
      enter: "channel:open",
      openLink: this.#openLink(),
      nowMs,
      observer: {
        connected: () => this.#cameBack(),
        disconnected: () => this.#wentAway(),
        sent: (_, { attempt }) => {
          if (attempt === 1) counts.sent += 1;
        },
        acked: () => {
          counts.acked += 1;
          counts.expected += options.listeners;
        },
        refused: () => {
          counts.refused += 1;
        },
        took: (_, event) => this.#took(event),
        failed: (what, error) => counts.failed.push(`${what}: ${JSON.stringify(error)}`),
      },
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Duplicates, disorder and holes so far. */
  get wrong(): number {
    let wrong = 0;
    for (const { position } of this.client.channels.values())
      wrong += position.faults.duplicates + position.faults.disorders + position.faults.holes;
    return wrong;
  }

  /** Says the next message, in its channels by turns. */
  say(): void {
    const { channelIds } = this.#options;
    this.client.send(channelIds[this.#next++ % channelIds.length]!, "a message of someone");
  }

  /** To be called often: notes when all of its channels are listened to again. */
  look(): void {
    if (this.#away && !this.#away.listeningAtMs && this.#ready && this.client.listening)
      this.#away.listeningAtMs = nowMs();
  }

  /** Notes when a try began, and hears why the server ends a connection. */
  #openLink(): OpenLink {
    return (nodeUrl, auth, on) => {
      this.#triedAtMs = nowMs();
      return openRaw(nodeUrl, auth, {
        ...on,
        event: (name, payload) => {
          if (name === "session:closing") {
            const said = payload as SessionClosing;
            this.#counts.closings.push({ ...said, atMs: nowMs() });
          }
          on.event(name, payload);
        },
      });
    };
  }

  #cameBack(): void {
    this.#ready = true;
    if (!this.#away) return;
    this.#away.triedAtMs = this.#triedAtMs;
    this.#away.readyAtMs = nowMs();
  }

  /** A try that fails is no other time away. */
  #wentAway(): void {
    if (!this.#ready) return;
    this.#ready = false;
    this.#away = { lostAtMs: nowMs() };
    this.#counts.aways.push(this.#away);
  }

  #took(event: ChannelEvent): void {
    if (event.type !== "message:new") return;
    const atMs = nowMs();
    this.#counts.delivered += 1;
    const triedAtMs = this.#away?.triedAtMs;
    if (triedAtMs !== undefined && event.atMs < triedAtMs) add(this.#counts.replayed, atMs - triedAtMs);
    else add(this.#counts.late, atMs - event.atMs);
  }
}

function add(tally: Map<number, number>, ms: number): void {
  const whole = Math.max(0, Math.round(ms));
  tally.set(whole, (tally.get(whole) ?? 0) + 1);
}

/** Unix milliseconds with their fraction: the same clock in every process of a machine, about. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
