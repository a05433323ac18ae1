/**
 * A model of Redis for tests of the log's rules: streams on a server that freezes, fills up, cuts connections, applies
 * late what was on its way, and forgets its last writes. Everything that happens is drawn from a seed, on virtual time.
 */
import type { LogId } from "../../ports.ts";
import { BEFORE_ALL, compareIds, isBarrier, type LogEntry } from "./entry.ts";
import {
  type AppendOutcome,
  LogAway,
  type LogLink,
  type LogStore,
  type ServerIdentity,
} from "./log-store.ts";
import { ModelledConnection } from "./modelled-connection.ts";
import { COMMAND_TIMEOUT_MS } from "./redis-link.ts";
import type { Timers } from "./timers.ts";

/** Writes that a restart may forget at most. */
const UNDO_MAX = 40;
/** Between two tries of a node to connect while the server is away, milliseconds. */
const CONNECT_EVERY_MS = 20;

type Stream = { entries: LogEntry[]; last: LogId };
type Hooks = {
  onAccepted?: (shard: number, entry: LogEntry) => void;
  onForgotten?: (shard: number, entry: LogEntry) => void;
  onTrimmed?: (shard: number, entries: readonly LogEntry[]) => void;
  /** FLUSHALL: whoever keeps keys beside the streams empties them. */
  onEmptied?: () => void;
};

export class ModelledRedis {
  readonly timers: Timers;
  readonly random: () => number;
  readonly hooks: Hooks;
  /** Those that are not cut. */
  readonly connections = new Set<ModelledConnection>();
  streams = new Map<number, Stream>();
  server: ServerIdentity = { runId: "run-1", replId: "repl-1" };
  up = true;
  /** Appends of messages are refused with OOM; barriers are not (rule L6). */
  full = false;
  frozenUntilMs = 0;
  #restarts = 1;
  #undo: (() => void)[] = [];

  constructor(timers: Timers, random: () => number, hooks: Hooks = {}) {
    this.timers = timers;
    this.random = random;
    this.hooks = hooks;
  }

  /** A node's way to the logs. `node`: its timers, where it has its own. */
  store(node: Timers = this.timers): ModelledLogStore {
    return new ModelledLogStore(this, node);
  }

  /** Milliseconds that a packet takes: mostly few. */
  lagMs(): number {
    return this.random() < 0.03 ? 20 + this.random() * 400 : 1 + this.random() * 7;
  }

  canConnect(): boolean {
    return this.up && this.frozenUntilMs <= this.timers.nowMs();
  }

  stream(shard: number): Stream {
    const stream = this.streams.get(shard) ?? { entries: [], last: BEFORE_ALL };
    this.streams.set(shard, stream);
    return stream;
  }

  /** Something was written: `undo` is what a restart that forgets it does. */
  wrote(undo: () => void): void {
    this.#undo.push(undo);
    if (this.#undo.length > UNDO_MAX) this.#undo.shift();
  }

  /** Stops, forgets up to `lose` of its last writes, and is back after `downMs` as another process: a restart, or a replica promoted. */
  restart(lose: number, downMs: number): void {
    for (let i = 0; i < lose && this.#undo.length > 0; i++) this.#undo.pop()!();
    this.#undo = [];
    this.#restarts++;
    this.server = { runId: `run-${this.#restarts}`, replId: `repl-${this.#restarts}` };
    this.up = false;
    this.frozenUntilMs = 0;
    for (const connection of [...this.connections]) connection.cut(false);
    const { server } = this;
    this.timers.after(downMs, () => {
      if (this.server === server) this.up = true;
    });
  }

  /** SIGSTOP: what arrives is executed when it goes on. */
  freeze(ms: number): void {
    this.frozenUntilMs = this.timers.nowMs() + ms;
  }

  /** FLUSHALL: the same process goes on, empty. */
  empty(): void {
    for (const [shard, { entries }] of this.streams)
      for (const entry of entries) this.hooks.onForgotten?.(shard, entry);
    this.streams.clear();
    this.hooks.onEmptied?.();
    this.#undo = [];
  }

  xadd(shard: number, entry: LogEntry, mayMake: boolean): AppendOutcome {
    if (this.full && !isBarrier(entry)) return { kind: "failed", reason: "OOM" };
    if (!mayMake && !this.streams.has(shard)) return { kind: "missing" };
    const stream = this.stream(shard);
    if (compareIds(entry.id, stream.last) <= 0) return { kind: "refused" };
    const { last } = stream;
    stream.entries.push(entry);
    stream.last = entry.id;
    this.hooks.onAccepted?.(shard, entry);
    this.wrote(() => {
      stream.entries = stream.entries.filter((kept) => kept !== entry);
      stream.last = last;
      if (stream.entries.length === 0 && last === BEFORE_ALL) this.streams.delete(shard);
      this.hooks.onForgotten?.(shard, entry);
    });
    return { kind: "done" };
  }

  trim(shard: number, upTo: LogId): void {
    const stream = this.streams.get(shard);
    const gone = stream?.entries.filter(({ id }) => compareIds(id, upTo) <= 0) ?? [];
    if (stream === undefined || gone.length === 0) return;
    stream.entries = stream.entries.slice(gone.length);
    this.hooks.onTrimmed?.(shard, gone);
    this.wrote(() => {
      stream.entries = [...gone, ...stream.entries];
    });
  }
}

/** One node's way to the modelled server. */
export class ModelledLogStore implements LogStore {
  readonly #redis: ModelledRedis;
  readonly #node: Timers;
  #link: ModelledLink | undefined;
  #watchers = new Set<() => void>();
  #gone = false;
  /** Whether the node's network lets it through; what stands is not cut by this. */
  isOpen: () => boolean = () => true;

  constructor(redis: ModelledRedis, node: Timers) {
    this.#redis = redis;
    this.#node = node;
    this.#connect();
  }

  link(): LogLink | undefined {
    return this.#link?.alive ? this.#link : undefined;
  }

  watch(_shard: number, changed: () => void): () => void {
    const watcher = () => changed();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** The connection dies; with `late`, what is on its way is still applied, some time. */
  cut(late: boolean): void {
    this.#link?.connection.cut(late);
  }

  /** The process dies: nothing is heard of it any more. */
  kill(): void {
    this.#gone = true;
    this.#watchers.clear();
    this.cut(this.#redis.random() < 0.5);
  }

  #connect(): void {
    if (this.#gone) return;
    if (!this.#redis.canConnect() || !this.isOpen()) {
      this.#node.after(CONNECT_EVERY_MS, () => this.#connect());
      return;
    }
    const onEnd = () => {
      this.#changed();
      this.#node.after(5 + this.#redis.random() * 100, () => this.#connect());
    };
    this.#link = new ModelledLink(this.#redis, this.#node, onEnd);
    this.#changed();
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

class ModelledLink implements LogLink {
  readonly connection: ModelledConnection;
  readonly isPressed = false;
  readonly #redis: ModelledRedis;
  readonly #node: Timers;

  constructor(redis: ModelledRedis, node: Timers, onEnd: () => void) {
    this.#redis = redis;
    this.#node = node;
    this.connection = new ModelledConnection({ redis, node, timeoutMs: COMMAND_TIMEOUT_MS, onEnd });
  }

  get server(): ServerIdentity {
    return this.connection.server;
  }

  get alive(): boolean {
    return this.connection.alive;
  }

  append(shard: number, compose: () => LogEntry | undefined, done: (outcome: AppendOutcome) => void): void {
    this.#node.after(0, () => {
      const entry = this.alive ? compose() : undefined;
      if (!entry) done({ kind: "failed" });
      else
        this.connection.command(
          () => this.#redis.xadd(shard, entry, false),
          (found) => done(found?.value ?? { kind: "unknown" }),
        );
    });
  }

  put(shard: number, entry: LogEntry): Promise<AppendOutcome> {
    return new Promise((resolve) => {
      this.connection.command(
        () => this.#redis.xadd(shard, entry, true),
        (found) => resolve(found?.value ?? { kind: "unknown" }),
      );
    });
  }

  #read<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.connection.command(run, (found) =>
        found ? resolve(found.value) : reject(new LogAway("no answer")),
      );
    });
  }

  identify(): Promise<ServerIdentity> {
    return this.#read(() => this.#redis.server);
  }

  last(shard: number): Promise<LogEntry | undefined> {
    return this.#read(() => this.#redis.streams.get(shard)?.entries.at(-1));
  }

  at(shard: number, id: LogId): Promise<LogEntry | undefined> {
    return this.#read(() =>
      this.#redis.streams.get(shard)?.entries.find((entry) => compareIds(entry.id, id) === 0),
    );
  }

  page(shard: number, after: LogId, limit: number): Promise<LogEntry[]> {
    const isAfter = (entry: LogEntry) => compareIds(entry.id, after) > 0;
    return this.#read(() => this.#redis.streams.get(shard)?.entries.filter(isAfter).slice(0, limit) ?? []);
  }

  trim(shard: number, upTo: LogId): Promise<void> {
    return this.#read(() => this.#redis.trim(shard, upTo));
  }
}
