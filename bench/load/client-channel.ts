/** One channel of one client: entered, listened to, repaired, and written to, over whichever link stands. */
import type * as z from "zod";
import type { ChannelEvent, ChannelEvents } from "../../protocol/events.ts";
import type { Durability } from "../../protocol/message.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type {
  ChannelOpened,
  ChannelSynced,
  MessageSent,
  REQUESTS,
  RequestName,
  SessionResumed,
} from "../../protocol/requests.ts";
import type { Link } from "./link.ts";
import type { Behind, Observer } from "./observer.ts";
import { Outbox, type Outgoing, UNANSWERED_MS, type Waiting } from "./outbox.ts";
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

type ChangeName =
  | "message:edit"
  | "message:delete"
  | "message:pin"
  | "message:unpin"
  | "reaction:add"
  | "reaction:remove"
  | "channel:read"
  | "typing:start"
  | "typing:stop";
/** A request of a client that may be made again and again: one that changes nothing is answered all the same (rule B1). */
export type Change = {
  [E in ChangeName]: { name: E; payload: z.input<(typeof REQUESTS)[E]["request"]> };
}[ChangeName];

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
  readonly #outbox = new Outbox<Omit<Outgoing, keyof Waiting<object>>>();
  readonly #changes = new Outbox<Change>();
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
      if (this.entered) this.#resumeAgain();
      else this.#open();
    } else this.#takeDifference("resume", this.position.seq, resumed);
  }

  /** The connection is gone. */
  detach(): void {
    this.#link = undefined;
    this.listening = false;
    this.#syncing = false;
    this.#outbox.interrupt();
    this.#changes.interrupt();
    clearTimeout(this.#gapTimer);
    this.#gapTimer = undefined;
  }

  get unsent(): number {
    return this.#outbox.length;
  }

  /** Listens, and nothing waits: not to be sent, not to be changed, not behind a gap. */
  get settled(): boolean {
    return this.listening && this.unsent === 0 && this.#changes.length === 0 && !this.position.gap;
  }

  send(content: string, threadId?: string): string {
    const clientId = uuidv7(this.#nowMs());
    this.#outbox.add({ clientId, content, ...(threadId !== undefined && { threadId }) });
    this.#pump();
    return clientId;
  }

  change(change: Change): void {
    this.#changes.add(change);
    this.#pump();
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
    this.#ask<ChannelOpened>(name, { channelId: this.id }, again, (answer) => {
      this.entered = true;
      this.position.open(answer.seq, answer.epoch);
      this.#options.observer.opened?.(this.id, answer);
      this.#listens();
    });
  }

  /** The owner could not be reached in time: the same is asked again, until this connection has the channel. */
  #resumeAgain(): void {
    const { seq, epoch } = this.position;
    const again = () => this.#resumeAgain();
    const points = { channels: { [this.id]: [seq, epoch] } };
    this.#ask<SessionResumed>("session:resume", points, again, ({ channels, left }) => {
      const resumed: ChannelSynced | undefined = (channels as Record<string, ChannelSynced>)[this.id];
      if (resumed !== undefined) this.#takeDifference("resume", seq, resumed);
      else if ((left as string[]).includes(this.id)) this.#options.observer.failed?.("resume", this.id);
      else this.#later(again);
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
    for (const event of events) this.#options.observer.took?.(this.id, event, this.position.epoch);
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
    this.#pumpMessages();
    this.#pumpChanges();
  }

  #pumpMessages(): void {
    const { observer, durability } = this.#options;
    this.#put<Omit<Outgoing, keyof Waiting<object>>, MessageSent>(
      this.#outbox,
      (item) => {
        const { attempt, firstSentAtMs: _, ...said } = item;
        const resend = attempt > 1 ? { attempt } : {};
        observer.sent?.(this.id, { ...item });
        const payload = { channelId: this.id, ...said, ...resend, ...(durability && { durability }) };
        return { name: "message:send", payload };
      },
      (item, answer) => {
        if (answer.ok) observer.acked?.(this.id, item, answer);
        else observer.refused?.(this.id, item, answer.error);
      },
    );
  }

  #pumpChanges(): void {
    this.#put<Change, object>(
      this.#changes,
      ({ name, payload }) => ({ name, payload }),
      (change, answer) => this.#options.observer.changed?.(this.id, change, answer),
    );
  }

  /** Sends what is next in an outbox, again until it is answered for good; then what is behind it. */
  #put<What extends object, T extends object>(
    outbox: Outbox<What>,
    write: (item: Waiting<What>) => { name: RequestName; payload: object },
    answered: (item: Waiting<What>, answer: Answer<T>) => void,
  ): void {
    if (this.#link === undefined || !this.listening) return;
    const item = outbox.next(this.#nowMs());
    if (item === undefined) return;
    const { attempt } = item;
    const { name, payload } = write(item);
    const again = (afterMs?: number) => outbox.backOff(item, afterMs, () => this.#pump());
    outbox.watch(() => again());
    this.#link.emit(name, payload, (raw) => {
      const answer = raw as Answer<T>;
      answered(item, answer);
      // A late no to an earlier attempt changes nothing: a later one is under way.
      if (!answer.ok && answer.error.retry !== "never") {
        if (item.attempt === attempt) again(answer.error.retryAfterMs);
      } else if (outbox.done(item)) this.#pump();
    });
  }

  /** While this connection stands. */
  #later(run: () => void): void {
    const link = this.#link;
    setTimeout(() => link === this.#link && run(), ASK_AGAIN_MS);
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
