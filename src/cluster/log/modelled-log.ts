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
import type { ModelledTimers } from "./modelled-time.ts";

const TIMEOUT_MS = 2_000;
const SILENCE_MS = 6_000;
/** Writes that a restart may forget at most. */
const UNDO_MAX = 40;

type Stream = { entries: LogEntry[]; last: LogId };
type Hooks = {
  onAccepted?: (shard: number, entry: LogEntry) => void;
  onForgotten?: (shard: number, entry: LogEntry) => void;
};

export class ModelledRedis {
  readonly timers: ModelledTimers;
  readonly random: () => number;
  readonly hooks: Hooks;
  streams = new Map<number, Stream>();
  server: ServerIdentity = { runId: "run-1", replId: "repl-1" };
  up = true;
  /** Appends of messages are refused with OOM; barriers are not (rule L6). */
  full = false;
  frozenUntilMs = 0;
  #restarts = 1;
  #undo: (() => void)[] = [];
  #stores = new Set<ModelledLogStore>();

  constructor(timers: ModelledTimers, random: () => number, hooks: Hooks = {}) {
    this.timers = timers;
    this.random = random;
    this.hooks = hooks;
  }

  store(): ModelledLogStore {
    const store = new ModelledLogStore(this);
    this.#stores.add(store);
    return store;
  }

  forget(store: ModelledLogStore): void {
    this.#stores.delete(store);
  }

  stream(shard: number): Stream {
    const stream = this.streams.get(shard) ?? { entries: [], last: BEFORE_ALL };
    this.streams.set(shard, stream);
    return stream;
  }

  /** Stops, forgets up to `lose` of its last writes, and is back after `downMs` as another process. */
  restart(lose: number, downMs: number): void {
    for (let i = 0; i < lose && this.#undo.length > 0; i++) this.#undo.pop()!();
    this.#undo = [];
    this.#restarts++;
    this.server = { runId: `run-${this.#restarts}`, replId: `repl-${this.#restarts}` };
    this.up = false;
    this.frozenUntilMs = 0;
    for (const store of this.#stores) store.cut(false);
    this.timers.after(downMs, () => {
      this.up = true;
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
    this.#undo.push(() => {
      stream.entries = stream.entries.filter((kept) => kept !== entry);
      stream.last = last;
      if (stream.entries.length === 0) this.streams.delete(shard);
      this.hooks.onForgotten?.(shard, entry);
    });
    if (this.#undo.length > UNDO_MAX) this.#undo.shift();
    return { kind: "done" };
  }
}

/** One node's way to the modelled server. */
export class ModelledLogStore implements LogStore {
  readonly redis: ModelledRedis;
  #link: ModelledLink | undefined;
  #watchers = new Set<() => void>();
  #gone = false;

  constructor(redis: ModelledRedis) {
    this.redis = redis;
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
    this.#link?.end(late);
  }

  /** The process dies: nothing is heard of it any more. */
  kill(): void {
    this.#gone = true;
    this.#watchers.clear();
    this.#link?.end(this.redis.random() < 0.5);
    this.redis.forget(this);
  }

  #connect(): void {
    if (this.#gone) return;
    const { redis } = this;
    if (!redis.up || redis.frozenUntilMs > redis.timers.nowMs()) {
      redis.timers.after(20, () => this.#connect());
      return;
    }
    this.#link = new ModelledLink(redis, () => {
      for (const watcher of [...this.#watchers]) watcher();
      redis.timers.after(5 + redis.random() * 100, () => this.#connect());
    });
    for (const watcher of [...this.#watchers]) watcher();
  }
}

class ModelledLink implements LogLink {
  readonly server: ServerIdentity;
  readonly isPressed = false;
  alive = true;
  #redis: ModelledRedis;
  #onEnd: () => void;
  #late = false;
  #pending = new Set<() => void>();
  #lastMs = 0;

  constructor(redis: ModelledRedis, onEnd: () => void) {
    this.#redis = redis;
    this.#onEnd = onEnd;
    this.server = redis.server;
  }

  end(late: boolean): void {
    if (!this.alive) return;
    this.alive = false;
    this.#late = late;
    for (const fail of [...this.#pending]) fail();
    this.#onEnd();
  }

  /** `answer` gets undefined when nobody knows: time-out or cut. In order, and at most once. */
  #command<T>(run: () => T, answer: (value: T | undefined) => void): void {
    const { timers } = this.#redis;
    let answered = false;
    const settle = (value: T | undefined) => {
      this.#pending.delete(fail);
      if (!answered) answer(value);
      answered = true;
    };
    const fail = () => settle(undefined);
    if (!this.alive) {
      fail();
      return;
    }
    this.#pending.add(fail);
    timers.after(TIMEOUT_MS, fail);
    timers.after(SILENCE_MS, () => !answered && this.end(true));
    this.#lastMs = Math.max(this.#lastMs, timers.nowMs() + this.#lag());
    timers.after(this.#lastMs - timers.nowMs(), () => this.#execute(run, settle, false));
  }

  #execute<T>(run: () => T, settle: (value: T) => void, wasLate: boolean): void {
    const { timers, server, frozenUntilMs, random } = this.#redis;
    if (server !== this.server || (!this.alive && !this.#late)) return;
    if (frozenUntilMs > timers.nowMs()) {
      timers.after(frozenUntilMs - timers.nowMs(), () => this.#execute(run, settle, wasLate));
    } else if (!this.alive && !wasLate) {
      timers.after(random() * 1_500, () => this.#execute(run, settle, true));
    } else {
      const value = run();
      timers.after(this.#lag(), () => this.alive && settle(value));
    }
  }

  #lag(): number {
    const { random } = this.#redis;
    return random() < 0.03 ? 20 + random() * 400 : 1 + random() * 7;
  }

  append(shard: number, compose: () => LogEntry | undefined, done: (outcome: AppendOutcome) => void): void {
    this.#redis.timers.after(0, () => {
      const entry = this.alive ? compose() : undefined;
      if (!entry) done({ kind: "failed" });
      else
        this.#command(
          () => this.#redis.xadd(shard, entry, false),
          (outcome) => done(outcome ?? { kind: "unknown" }),
        );
    });
  }

  put(shard: number, entry: LogEntry): Promise<AppendOutcome> {
    return new Promise((resolve) => {
      this.#command(
        () => this.#redis.xadd(shard, entry, true),
        (outcome) => resolve(outcome ?? { kind: "unknown" }),
      );
    });
  }

  #read<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#command(
        () => ({ value: run() }),
        (found) => (found ? resolve(found.value) : reject(new LogAway("model"))),
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
    return this.#read(() => {
      const stream = this.#redis.streams.get(shard);
      if (stream) stream.entries = stream.entries.filter((entry) => compareIds(entry.id, upTo) > 0);
    });
  }
}
