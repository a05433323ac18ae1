/**
 * The bounded mailbox in front of an actor. nact handles one message per actor and turn of the event loop, and its own
 * mailbox has no bound: so commands wait here, and the nact actor is sent a single wake, upon which it drains.
 */
import { type ActorProps, dispatch, type Ref, spawn, stop } from "nact";

/** Commands that may wait for one actor, those set aside included. Chosen: four turns' worth. */
export const MAILBOX_MAX = 1_024;
/** Commands and milliseconds of one turn at most: then others have theirs. */
export const TURN_COMMANDS_MAX = 256;
export const TURN_MS_MAX = 2;

/** Whose mailbox it is. One object with methods, not closures: there are tens of thousands of actors. */
export interface MailboxOwner<T> {
  take(item: T): void;
  /** After each turn, one that threw included. */
  afterTurn(): void;
  /** `take`, `soon` or `afterTurn` threw, at `item` where it was `take`. Must not throw: nact would lose the actor. */
  crashed(error: unknown, item: T | undefined): void;
}

export type MailboxOptions<T> = {
  owner: MailboxOwner<T>;
  /** The shard's supervisor. It gets no messages itself: nact copies its list of children for each. */
  parent: Ref<never>;
  /** Letters, digits, `-`: nact allows no `:` or `/`. */
  name: string;
  /** Monotonic milliseconds. */
  nowMs(): number;
};

/** The one handler of all actors: a wake is the mailbox to be drained. */
function handle(_state: undefined, mailbox: Mailbox<unknown>): undefined {
  mailbox.turn();
}

const PROPERTIES: ActorProps<undefined, Mailbox<unknown>, Ref<never>> = {
  onCrash: (mailbox, error, context) => {
    mailbox?.crashed(error);
    return context.resume;
  },
};

export class Mailbox<T> {
  #owner: MailboxOwner<T>;
  #nowMs: () => number;
  #ref: Ref<Mailbox<T>>;
  #ring = new Ring<T>();
  /** Done before the next item: what a fetch brought. At most one for each item set aside. */
  #soon: (() => void)[] = [];
  #isAwake = false;
  #isHeld = false;
  #taking: T | undefined;
  /** Items that were taken and wait elsewhere; they count towards the bound. */
  setAside = 0;

  constructor({ owner, parent, name, nowMs }: MailboxOptions<T>) {
    this.#owner = owner;
    this.#nowMs = nowMs;
    this.#ref = spawn(parent, handle, name, PROPERTIES) as Ref<unknown> as Ref<Mailbox<T>>;
  }

  /** Puts an item behind the others; false: full, and it was not taken in. */
  offer(item: T): boolean {
    if (this.depth >= MAILBOX_MAX) return false;
    this.#ring.push(item);
    this.#wake();
    return true;
  }

  /** Runs in the actor's next turn, before any item, even while held. */
  soon(run: () => void): void {
    this.#soon.push(run);
    this.#wake();
  }

  /** Takes no items until `open`: they are kept. */
  hold(): void {
    this.#isHeld = true;
  }

  open(): void {
    this.#isHeld = false;
    this.#wake();
  }

  /** Items that wait, here or set aside. */
  get depth(): number {
    return this.#ring.size + this.setAside;
  }

  /** Takes out all items that wait here. */
  takeAll(): T[] {
    const items: T[] = [];
    for (let item = this.#ring.shift(); item !== undefined; item = this.#ring.shift()) items.push(item);
    return items;
  }

  /** Ends the nact actor. What waits here is no longer handled. */
  stop(): void {
    stop(this.#ref);
  }

  #wake(): void {
    if (this.#isAwake || !this.#hasWork()) return;
    this.#isAwake = true;
    dispatch(this.#ref, this);
  }

  #hasWork(): boolean {
    return this.#soon.length > 0 || (this.#ring.size > 0 && !this.#isHeld);
  }

  /** nact's: drains once. */
  turn(): void {
    this.#isAwake = false;
    try {
      for (let run = this.#soon.shift(); run !== undefined; run = this.#soon.shift()) run();
      this.#drain();
    } finally {
      // Frees what a shift leaves allocated.
      if (this.#soon.length === 0) this.#soon.length = 0;
      this.#wake();
      this.#owner.afterTurn();
    }
  }

  /** nact's: the turn threw. */
  crashed(error: unknown): void {
    const item = this.#taking;
    this.#taking = undefined;
    this.#owner.crashed(error, item);
  }

  #drain(): void {
    const endMs = this.#nowMs() + TURN_MS_MAX;
    for (let taken = 0; taken < TURN_COMMANDS_MAX && !this.#isHeld; taken++) {
      const item = this.#ring.shift();
      if (item === undefined) return;
      this.#taking = item;
      this.#owner.take(item);
      this.#taking = undefined;
      if (this.#nowMs() >= endMs) return;
    }
  }
}

/** Places that an idle actor keeps. */
const RING_IDLE_PLACES = 4;

/** A queue in an array that grows by doubling and shrinks to its first size when it has run empty. */
class Ring<T> {
  #places: (T | undefined)[] = [];
  #first = 0;
  size = 0;

  push(item: T): void {
    if (this.size === this.#places.length) this.#grow();
    this.#places[(this.#first + this.size++) % this.#places.length] = item;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#places[this.#first];
    this.#places[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#places.length;
    if (--this.size === 0 && this.#places.length > RING_IDLE_PLACES) {
      this.#places = [];
      this.#first = 0;
    }
    return item;
  }

  #grow(): void {
    const { length } = this.#places;
    const inOrder = Array.from({ length: this.size }, (_, i) => this.#places[(this.#first + i) % length]);
    inOrder.length = Math.max(RING_IDLE_PLACES, 2 * length);
    this.#places = inOrder;
    this.#first = 0;
  }
}
