/** The cluster's level as this node knows it, and what each command needs (rule E7). */
import type { ChannelCommand, PreparedMessage, SessionCommand } from "../../actors/commands.ts";
import { type Refused, refused, UPGRADING } from "../../protocol/refusals.ts";
import { FIRST_LEVEL } from "../lib/level.ts";

/** When a client may try again what the cluster cannot do yet, milliseconds: replacing a node takes about so long. Chosen. */
const RETRY_AFTER_MS = 5_000;

/** A copy of what the leader has decided. It only ever rises: what was written once at a level is there to be read. */
export class ClusterLevel {
  #current = FIRST_LEVEL;
  #inRedis = FIRST_LEVEL;
  readonly #listeners: ((level: number) => void)[] = [];

  /** What may be written now. */
  get current(): number {
    return this.#current;
  }

  /** Has Redis forgotten the level? Whoever reads it there anew would write too little. */
  get isForgotten(): boolean {
    return this.#inRedis < this.#current;
  }

  /** Called once for each level that is reached. Must not throw. */
  onRise(listener: (level: number) => void): void {
    this.#listeners.push(listener);
  }

  /** As the placement table in Redis has it; undefined: it says nothing. */
  read(field: string | undefined): void {
    this.#inRedis = Number(field ?? FIRST_LEVEL);
    this.rise(this.#inRedis);
  }

  /** A level that holds for the cluster; a lower one than is known already changes nothing. */
  rise(level: number): void {
    if (!(level > this.#current)) return;
    this.#current = level;
    for (const listener of this.#listeners) listener(level);
  }
}

const CHANNEL: Record<ChannelCommand["type"], number> = {
  create: 1,
  send: 1,
  join: 1,
  leave: 1,
  invite: 1,
  open: 1,
  sync: 1,
  mark: 1,
  member: 1,
  edit: 2,
  delete: 2,
  pin: 2,
  react: 2,
  update: 2,
  change_member: 2,
  remove_member: 2,
  follow: 2,
  typing: 2,
  message: 2,
};

const SESSION: Record<SessionCommand["type"], number> = {
  attach: 1,
  connections: 1,
  choose: 2,
  presence: 2,
  watch: 2,
  block: 2,
  notify: 2,
};

/** The level from which on an owner, whichever node that is, understands the command, and may log what comes of it. */
export function levelOf(command: ChannelCommand | SessionCommand): number {
  switch (command.type) {
    case "send":
      return isPlain(command.message) ? CHANNEL.send : 2;
    case "create": {
      const { autoSlowMode, editWindowSeconds } = command.channel.settings;
      return autoSlowMode === undefined && editWindowSeconds === undefined ? CHANNEL.create : 2;
    }
    default:
      return command.type in CHANNEL
        ? CHANNEL[command.type as ChannelCommand["type"]]
        : SESSION[command.type as SessionCommand["type"]];
  }
}

/** Text outside threads that answers nothing: all that 0.1.0 offers. */
function isPlain({ type, replyTo, threadId }: PreparedMessage): boolean {
  return type === "text" && replyTo === undefined && threadId === undefined;
}

/** What a client hears of a command above the cluster's level. */
export function notYet(): Refused {
  return refused("unavailable", {
    message: "The service is being upgraded: this works once every node runs the new version.",
    retryAfterMs: RETRY_AFTER_MS,
    details: UPGRADING,
  });
}
