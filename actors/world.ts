/** What the actors of a node are given. `src/main.ts` wires it once; the same world serves every shard. */
import type {
  ActorMeter,
  Broadcaster,
  ChannelFacts,
  Clock,
  Devices,
  NodeNews,
  Router,
  UserFacts,
} from "./ports.ts";

export type World = {
  facts: ChannelFacts;
  people: UserFacts;
  /** Asks other actors: a topic its space, a channel the people whom a message concerns. */
  router: Pick<Router, "askChannel" | "askUser">;
  broadcaster: Broadcaster;
  devices: Devices;
  nodeNews: NodeNews;
  clock: Clock;
  meter: ActorMeter;
  timers: ActorTimers;
  /** An operator should hear of this: one line of the log each. Never throws. */
  alarm(alarm: ActorAlarm): void;
};

/** Waiting and measuring, apart from the cluster's time. */
export interface ActorTimers {
  /** Monotonic milliseconds. Called without its object. */
  readonly nowMs: () => number;
  /** Runs again and again until the returned function is called; holds no process open. */
  every(intervalMs: number, run: () => void): () => void;
}

/** `isClosed`: it threw too often; it answers `unavailable` until it has been left alone for a while (rule P5). */
export type ActorAlarm = { kind: "channel" | "session"; id: string; error: unknown; isClosed: boolean };
