/** For this folder's server tests: shard hosts without a log, and the story that they leave. */
import type { ShardActors } from "../../actors/ports.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import type { ClusterFacts, ClusterRecord } from "./cluster-record.ts";
import type { ShardHost, ShardHostEvents } from "./shard-host.ts";

/** One thing that happened to a shard, in the order of the one process that all nodes of a test share. */
type Happening = {
  shard: number;
  node: string;
  what: "claims" | "serves" | "stops" | "ended" | "fenced" | "hears";
  text?: string;
};

/** What all fake hosts of a test share: the epochs as the log would keep them, and the story. */
export class World {
  readonly story: Happening[] = [];
  readonly facts: ClusterFacts[] = [];
  readonly #epochs = new Map<number, number>();
  readonly #reigning = new Map<number, FakeHost>();
  /** A claim takes this long; Infinity: it never serves. */
  claimMs = 1;
  /** A release takes this long. */
  releaseMs = 1;
  /** Actors take this long to answer. */
  answerMs = 0;
  /** What shards carry, messages × audience per second. */
  readonly loads = new Map<number, number>();

  /** The barrier: fences whoever reigned. */
  claim(host: FakeHost): number {
    const epoch = (this.#epochs.get(host.shard) ?? 0) + 1;
    this.#epochs.set(host.shard, epoch);
    const before = this.#reigning.get(host.shard);
    this.#reigning.set(host.shard, host);
    before?.fence();
    return epoch;
  }

  tell(happening: Happening): void {
    this.story.push(happening);
  }

  /** What the shard's owners heard, in order. */
  heard(shard: number): string[] {
    return this.story.filter((one) => one.shard === shard && one.what === "hears").map((one) => one.text!);
  }

  record(): ClusterRecord {
    return {
      agree: async (facts) => {
        if (this.facts.length === 0) this.facts.push(facts);
        return this.facts[0]!;
      },
      raise: async ({ protocol, level }) => {
        const [facts] = this.facts;
        if (facts === undefined) return;
        facts.protocol = Math.max(facts.protocol, protocol);
        facts.level = Math.max(facts.level ?? 1, level);
      },
    };
  }
}

/** A shard host without a log: claims, serves, and answers who it is. */
export class FakeHost implements ShardHost {
  readonly shard: number;
  readonly node: string;
  epoch = 0;
  state: ShardHost["state"] = "claiming";
  actors: ShardActors | undefined;
  readonly #world: World;
  readonly #events: ShardHostEvents;
  #released: (() => void) | undefined;
  #loadTakenAtMs = performance.now();

  constructor(world: World, node: string, shard: number, events: ShardHostEvents) {
    this.#world = world;
    this.node = node;
    this.shard = shard;
    this.#events = events;
  }

  start(): void {
    this.epoch = this.#world.claim(this);
    this.#tell("claims");
    if (this.#world.claimMs === Number.POSITIVE_INFINITY) return;
    setTimeout(() => {
      if (this.state !== "claiming") return;
      this.state = "serving";
      this.actors = this.#makeActors();
      this.#tell("serves");
      this.#events.onServing(this);
    }, this.#world.claimMs);
  }

  async release(): Promise<void> {
    if (this.state === "ended") return;
    this.state = "releasing";
    this.actors = undefined;
    this.#tell("stops");
    await new Promise<void>((resolve) => {
      this.#released = resolve;
      setTimeout(resolve, this.#world.releaseMs).unref();
    });
    this.#end("released");
  }

  fence(): void {
    this.#end("fenced");
  }

  backlog(): { events: number; ageMs: number } {
    return { events: 1, ageMs: 5 };
  }

  #end(why: "released" | "fenced"): void {
    if ((this.state as string) === "ended") return;
    this.state = "ended";
    this.#released?.();
    this.actors = undefined;
    this.#tell(why === "fenced" ? "fenced" : "ended");
    this.#events.onEnded(this, why);
  }

  #tell(what: Happening["what"], text?: string): void {
    this.#world.tell({ shard: this.shard, node: this.node, what, text });
  }

  #makeActors(): ShardActors {
    const ask = (actor: string, command: { type: string; by?: string }, reply: (answer: Answer) => void) => {
      if (this.state !== "serving") return reply(refused("moved"));
      this.#tell("hears", command.by ?? command.type);
      const answer = () => reply({ ok: true, actor, node: this.node, epoch: this.epoch } as Answer);
      if (command.type === "leave") return; // never answers
      if (this.#world.answerMs > 0) setTimeout(answer, this.#world.answerMs);
      else answer();
    };
    return {
      askChannel: ask,
      askUser: ask,
      heads: async (ids) => new Map(ids.map((id) => [id, [7, this.epoch]])),
      flushed: () => {},
      close: async () => {},
      end: () => {},
      census: () => ({ channels: 0, sessions: 0, mailboxDepth: 0 }),
      channel: () => ({ seq: 7, mailbox: 1 }),
      takeLoad: () => {
        const seconds = (performance.now() - this.#loadTakenAtMs) / 1_000;
        this.#loadTakenAtMs = performance.now();
        return (this.#world.loads.get(this.shard) ?? 0) * seconds;
      },
    };
  }
}
