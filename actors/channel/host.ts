/** What a channel actor is given by the shard that it lives in. */
import type { Ref } from "nact";
import type { ChannelCommand } from "../commands.ts";
import type { Reign, Reply } from "../ports.ts";
import type { Tail } from "../tail.ts";
import type { World } from "../world.ts";
import type { Unflushed } from "./activation.ts";
import type { ChannelActor } from "./actor.ts";
import type { SignalRounds } from "./signal-rounds.ts";

/** A command and whoever waits for its answer. */
export type ChannelAsk = { command: ChannelCommand; reply: Reply; sinceMs: number };

/** The shard around its channel actors: one for all of them. */
export interface ChannelHost {
  readonly world: World;
  readonly reign: Reign;
  readonly tail: Tail;
  readonly rounds: SignalRounds;
  /** The shard's supervisor. */
  readonly parent: Ref<never>;
  /** It threw; true: it threw too often and is to stay closed (rule P5). Must not throw. */
  crashed(actor: ChannelActor, error: unknown): boolean;
  /** It could not be brought into memory: forget it, but for what Postgres may lack of it. */
  gone(actor: ChannelActor, unflushed: Unflushed): void;
  /** After each turn. */
  turned(actor: ChannelActor): void;
  /** It has marks to log within a second. */
  marked(actor: ChannelActor): void;
  /** An event was decided for so many members. */
  heard(members: number): void;
}
