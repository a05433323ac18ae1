/** One shard's actors in a test's hands: a gate, a store and a clock that move when they are told to. */
import type { ChannelId, UserId } from "../protocol/ids.ts";
import type { Answer } from "../protocol/refusals.ts";
import { assert } from "../src/lib/assert.ts";
import type { ChannelCommand, SessionCommand } from "./commands.ts";
import { channel, client, HandGate, HandWorld, said, user } from "./doubles.ts";
import type { LogRecord, ShardActors } from "./ports.ts";
import { IDLE_MS, SWEEP_EVERY_MS } from "./shard.ts";
import { type ActorOptions, createStartActors } from "./shard-actors.ts";

export const ada = user(1);
export const bob = user(2);
export const room = channel(1);

export class OneShard {
  readonly world = new HandWorld();
  gate = new HandGate();
  actors!: ShardActors;
  #options: ActorOptions;

  private constructor(options: ActorOptions) {
    this.#options = options;
  }

  /** A shard whose log is empty. */
  static async open(options: ActorOptions = {}): Promise<OneShard> {
    const shard = new OneShard(options);
    await shard.takeOver(shard.gate, []);
    return shard;
  }

  /** The next reign begins, from what is retained of the log; answers what it found unflushed. */
  async takeOver(gate: HandGate, retained: readonly LogRecord[]): Promise<readonly LogRecord[]> {
    const { actors, unflushed } = await createStartActors(this.world, this.#options)(gate, retained);
    this.gate = gate;
    this.actors = actors;
    return unflushed;
  }

  /** Answers arrive in `world.trace` as well, by their command. */
  ask(command: ChannelCommand, id: ChannelId = room): Promise<Answer<Record<string, never>>> {
    return new Promise((resolve) =>
      this.actors.askChannel(id, command, (answer) => {
        this.world.trace.push(`${command.type} ${code(answer)}`);
        resolve(answer as never);
      }),
    );
  }

  askUser(userId: UserId, command: SessionCommand): Promise<Answer<Record<string, never>>> {
    return new Promise((resolve) =>
      this.actors.askUser(userId, command, (answer) => resolve(answer as never)),
    );
  }

  /** Postgres takes everything that is confirmed. */
  flush(): void {
    this.gate.flush((records) => {
      this.world.facts.project(records);
      this.actors.flushed(records);
    });
  }

  /** Out of memory, as after five idle minutes. */
  passivate(): void {
    this.flush();
    this.world.pass(IDLE_MS + SWEEP_EVERY_MS);
    assert(this.actors.census().channels === 0, "a settled channel leaves memory");
  }
}

export const create = (by = ada, kind: "group" | "private" = "group"): ChannelCommand => ({
  type: "create",
  by,
  channel: { kind, settings: {} },
  memberIds: [],
});

export const send = (n: number, by = ada, attempt = 1): ChannelCommand => ({
  type: "send",
  by,
  message: said(client(n)),
  attempt,
});

/** A command that breaks the actor: it carries no message. */
export const poison = (by = ada): ChannelCommand => ({
  type: "send",
  by,
  attempt: 1,
  message: undefined as never,
});

export const code = (answer: Answer) => (answer.ok ? "ok" : answer.error.code);

/** Turns of the event loop: what waits in mailboxes is handled. */
export async function turns(count = 8): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise<void>((resolve) => setImmediate(resolve));
}
