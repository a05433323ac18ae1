/** One channel of one client: entered, listened to, repaired, and written to, over whichever link stands. */
import type { ChannelEvent, ChannelEvents } from "../../protocol/events.ts";
import type { Durability } from "../../protocol/message.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type { ChannelOpened, ChannelSynced, MessageSent, RequestName } from "../../protocol/requests.ts";
import type { Link } from "./link.ts";
import type { Behind, Observer } from "./observer.ts";
import { Outbox, UNANSWERED_MS } from "./outbox.ts";
import { Position } from "./position.ts";
import { uuidv7 } from "./uuid.ts";

/** How a client treats its channels. */
export type ChannelOptions = {
  /** How a channel is entered at first: `join` makes a member. */
  enter: "channel:join" | "channel:open";
  observer: Observer;
  /** What to ask for with each send. */
  durability?: Durability;
  /** Milliseconds since the Unix epoch; default `Date.now`. */
  nowMs?: () => number;
  /** Plants a fault: changes what arrives, whichever way it arrives. */
  tamper?: (events: ChannelEvent[]) => ChannelEvent[];
};

/** Before an open or sync that was refused with `later` is asked again. */
const ASK_AGAIN_MS = 1_000;

export class ClientChannel {
  readonly id: string;
  readonly position = new Position();
  /** Opened or resumed on the present connection. */
  listening = false;
  /** Opened once: from now on its position is given when resuming. */
  entered = false;
  readonly #options: ChannelOptions;
  readonly #nowMs: () => number;
  readonly #outbox = new Outbox();
  #link: Link | undefined;
  #gapGraceMs = 0;
  #syncing = false;
  #gapTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, options: ChannelOptions) {
    this.id = id;
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  /** A new connection stands; `resumed` is what its `session:ready` says about this channel. */
  attach(link: Link, gapGraceMs: number, resumed: ChannelSynced | undefined): void {
    this.#link = link;
    this.#gapGraceMs = gapGraceMs;
    if (resumed === undefined) {
      if (this.entered) this.#listenAgain();
      else this.#open();
    } else this.#takeDifference("resume", this.position.seq, resumed);
  }

  /** The connection is gone. */
  detach(): void {
    this.#link = undefined;
    this.listening = false;
    this.#syncing = false;
    this.#outbox.interrupt();
    clearTimeout(this.#gapTimer);
    this.#gapTimer = undefined;
  }

  get unsent(): number {
    return this.#outbox.length;
  }

  /** Listens, and nothing waits: not in the outbox, not behind a gap. */
  get settled(): boolean {
    return this.listening && this.unsent === 0 && !this.position.gap;
  }

  send(content: string): string {
    const clientId = uuidv7(this.#nowMs());
    this.#outbox.add(clientId, content);
    this.#pump();
    return clientId;
  }

  takeLive(frame: ChannelEvents): void {
    this.#options.observer.live?.(frame);
    const events = this.#options.tamper?.(frame.events) ?? frame.events;
    this.#took(this.position.live(frame.epoch, events));
    this.#watchGap();
  }

  takeBehind(signal: Behind): void {
    this.#options.observer.behind?.(signal);
    this.#sync();
  }

  /** Asks where the channel stands, taking nothing. Undefined: not to be known now. */
  head(then: (seq: number | undefined) => void): void {
    const { seq: afterSeq, epoch } = this.position;
    if (this.#link === undefined) then(undefined);
    this.#link?.emit("channel:sync", { channelId: this.id, afterSeq, epoch }, (raw) => {
      const answer = raw as Answer<ChannelSynced>;
      then(answer.ok && answer.reset !== true ? answer.seq : undefined);
    });
  }

  #open(): void {
    const name = this.entered ? "channel:open" : this.#options.enter;
    const again = () => this.#open();
    this.#ask<ChannelOpened>(name, { channelId: this.id }, again, ({ seq, epoch }) => {
      this.entered = true;
      this.position.open(seq, epoch);
      this.#options.observer.opened?.(this.id, { seq, epoch });
      this.#listens();
    });
  }

  /** The resume did not reach the owner: listens without moving its position, and asks for what it missed. */
  #listenAgain(): void {
    const again = () => this.#listenAgain();
    this.#ask<ChannelOpened>("channel:open", { channelId: this.id }, again, () => {
      this.#listens();
      this.#sync();
    });
  }

  #sync(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    const { seq: afterSeq, epoch } = this.position;
    const again = () => {
      this.#syncing = false;
      this.#sync();
    };
    this.#ask<ChannelSynced>("channel:sync", { channelId: this.id, afterSeq, epoch }, again, (answer) => {
      this.#syncing = false;
      this.#takeDifference("sync", afterSeq, answer);
    });
  }

  #takeDifference(via: "sync" | "resume", afterSeq: number, answer: ChannelSynced): void {
    this.#options.observer.synced?.(this.id, via, afterSeq, answer);
    if (answer.reset === true) {
      this.#open();
      return;
    }
    const events = this.#options.tamper?.(answer.events) ?? answer.events;
    this.#took(this.position.difference(afterSeq, { ...answer, events }, via === "resume"));
    if (via === "resume") this.#listens();
    if (answer.more) this.#sync();
    else this.#watchGap();
  }

  #took(events: readonly ChannelEvent[]): void {
    for (const event of events) this.#options.observer.took?.(this.id, event);
  }

  /** A gap counts after `gapGraceMs`: then what is missing is asked for. */
  #watchGap(): void {
    if (!this.position.gap || this.#gapTimer !== undefined) return;
    this.#gapTimer = setTimeout(() => {
      this.#gapTimer = undefined;
      if (this.position.gap && this.listening) this.#sync();
    }, this.#gapGraceMs);
  }

  #listens(): void {
    this.listening = true;
    this.#pump();
  }

  #pump(): void {
    if (this.#link === undefined || !this.listening) return;
    const item = this.#outbox.next(this.#nowMs());
    if (item === undefined) return;
    const { observer, durability } = this.#options;
    const { clientId, content, attempt } = item;
    const resend = attempt > 1 ? { attempt } : {};
    const payload = { channelId: this.id, clientId, content, ...resend, ...(durability && { durability }) };
    const again = (afterMs?: number) => this.#outbox.backOff(item, afterMs, () => this.#pump());
    observer.sent?.(this.id, { ...item });
    this.#outbox.watch(() => again());
    this.#link.emit("message:send", payload, (raw) => {
      const answer = raw as Answer<MessageSent>;
      if (answer.ok) observer.acked?.(this.id, item, answer);
      else observer.refused?.(this.id, item, answer.error);
      // A late no to an earlier attempt changes nothing: a later one is under way.
      if (!answer.ok && answer.error.retry !== "never") {
        if (item.attempt === attempt) again(answer.error.retryAfterMs);
      } else if (this.#outbox.done(item)) this.#pump();
    });
  }

  /** Asks until it is answered for good: silence and `later` are asked again while this connection stands. */
  #ask<T extends object>(
    name: RequestName,
    payload: object,
    again: () => void,
    then: (answer: T) => void,
  ): void {
    const link = this.#link;
    let over = false;
    const once = (run: () => void) => {
      if (over || link !== this.#link) return;
      over = true;
      clearTimeout(silence);
      run();
    };
    const silence = setTimeout(() => once(again), UNANSWERED_MS);
    link?.emit(name, payload, (raw) => {
      const answer = raw as Answer<T>;
      if (answer.ok) once(() => then(answer));
      else if (answer.error.retry !== "never") {
        setTimeout(() => once(again), answer.error.retryAfterMs ?? ASK_AGAIN_MS);
      } else once(() => this.#options.observer.failed?.(`${name} ${this.id}`, answer.error));
    });
  }
}
