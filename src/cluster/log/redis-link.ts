/** One connection to one Redis as a `LogLink`: streams, one pipeline per event-loop turn, and what each answer means. */
import { Redis, type RedisOptions } from "ioredis";
import type { LogId } from "../../ports.ts";
import { entryFields, formatId, isBarrier, type LogEntry, readEntry, UnreadableEntry } from "./entry.ts";
import { type AppendOutcome, LogAway, type LogLink, type ServerIdentity, sameServer } from "./log-store.ts";

/** Longest wait for an answer, milliseconds; an append may be applied later all the same (rule L4). Chosen: half a client's patience. */
export const COMMAND_TIMEOUT_MS = 2_000;
/** A connection that has answered nothing for so long while asked is given up, milliseconds. */
export const SILENCE_MAX_MS = 6_000;
/** Between two looks at whether the server behind the connection is still the same master, milliseconds. */
const PROBE_INTERVAL_MS = 2_000;

/** Rule L6: a barrier goes into a full Redis as well. Arguments: the log; id, field, value, field, value … */
const PUT_BARRIER = `#!lua flags=allow-oom
return redis.call("XADD", KEYS[1], unpack(ARGV))`;

/**
 * One object is one connection: it never reconnects, queues, or sends anything twice, so that nothing is ever written to
 * a server that nobody has looked at (rule L3).
 */
const CONNECTION: RedisOptions = {
  lazyConnect: true,
  retryStrategy: null,
  autoResendUnfulfilledCommands: false,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  enableReadyCheck: true,
  connectTimeout: COMMAND_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SILENCE_MAX_MS,
};

export type RedisLinkOptions = {
  /** Where the server is, and how to enter: `host`, `port`, `path`, `tls`, `username`, `password` … */
  redis: RedisOptions;
  /** Of all keys: `hub`. */
  prefix: string;
  /** Part of the server's `maxmemory`, 0 to 1, above which the link is pressed. A server without one never is. */
  memoryShare: number;
  /** What entries may hold now (rule E7): see `entryFields`. */
  level: () => number;
  onEnd: (link: RedisLink) => void;
  /** The cluster serves this slot elsewhere. */
  onMoved: () => void;
  /** Of the connection, or of a server without room (`OOM`, `MISCONF`); for the logs. */
  onError: (error: Error) => void;
};

type Waiting = { shard: number; compose: () => LogEntry | undefined; done: (outcome: AppendOutcome) => void };

export class RedisLink implements LogLink {
  #redis: Redis;
  #options: RedisLinkOptions;
  #server: ServerIdentity | undefined;
  #alive = true;
  #isPressed = false;
  /** Appends of this turn. */
  #waiting: Waiting[] = [];
  #probe: NodeJS.Timeout | undefined;

  private constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#redis = new Redis({ ...options.redis, ...CONNECTION });
    this.#redis.on("error", options.onError);
    this.#redis.on("end", () => this.#end());
  }

  /** Connects, and reads who answers. Rejects where that is no master, or no connection comes about. */
  static async open(options: RedisLinkOptions): Promise<RedisLink> {
    const link = new RedisLink(options);
    try {
      await link.#redis.connect();
      link.#server = await link.identify();
    } catch (error) {
      link.close();
      throw error;
    }
    link.#probe = setInterval(() => void link.#look(), PROBE_INTERVAL_MS);
    return link;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get isPressed(): boolean {
    return this.#isPressed;
  }

  get server(): ServerIdentity {
    return this.#server!;
  }

  close(): void {
    this.#redis.disconnect();
    this.#end();
  }

  #end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    clearInterval(this.#probe);
    this.#flush();
    this.#options.onEnd(this);
  }

  /** A server that was demoted and promoted again behind a standing connection may hold another history. */
  async #look(): Promise<void> {
    try {
      if (!sameServer(await this.identify(), this.server)) return this.close();
      const memory = await this.#read(() => this.#redis.info("memory"));
      const bytes = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(memory)?.[1] ?? 0);
      const [used, max] = [bytes("used_memory"), bytes("maxmemory")];
      this.#isPressed = max > 0 && used > max * this.#options.memoryShare;
    } catch (error) {
      if (!(error instanceof LogAway)) throw error; // silence ends the connection by itself
    }
  }

  append(shard: number, compose: () => LogEntry | undefined, done: (outcome: AppendOutcome) => void): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    this.#waiting.push({ shard, compose, done });
  }

  /** Everything of this turn in one write. */
  #flush(): void {
    const pipeline = this.#redis.pipeline();
    for (const { shard, compose, done } of this.#waiting.splice(0)) {
      const entry = this.#alive ? compose() : undefined;
      if (entry === undefined) {
        done({ kind: "failed", reason: "nothing written" });
        continue;
      }
      const settle = (error: Error | null | undefined, id: unknown) => {
        if (error) done(this.#outcomeOf(error));
        else done(id === null ? { kind: "missing" } : { kind: "done" });
      };
      pipeline.xadd(
        this.#key(shard),
        "NOMKSTREAM",
        formatId(entry.id),
        ...entryFields(entry, this.#options.level()),
        settle,
      );
    }
    if (pipeline.length > 0) void pipeline.exec();
  }

  async put(shard: number, entry: LogEntry): Promise<AppendOutcome> {
    const args = [formatId(entry.id), ...entryFields(entry, this.#options.level())] as const;
    try {
      if (isBarrier(entry)) await this.#redis.eval(PUT_BARRIER, 1, this.#key(shard), ...args);
      else await this.#redis.xadd(this.#key(shard), ...args);
      return { kind: "done" };
    } catch (error) {
      if (error instanceof Error) return this.#outcomeOf(error);
      throw error;
    }
  }

  /** An error of the server means that it did nothing; without an answer of the server nobody knows. */
  #outcomeOf(error: Error): AppendOutcome {
    const reason = error.message;
    if (error.name !== "ReplyError") return { kind: isUnsent(error) ? "failed" : "unknown", reason };
    if (reason.includes("equal or smaller")) return { kind: "refused", reason };
    this.#follow(reason);
    if (isWithoutRoom(error)) this.#options.onError(error);
    return { kind: "failed", reason };
  }

  /** What an error says about where the log is: a new place is looked up, a master that is none any more is left. */
  #follow(reason: string): void {
    if (/^(MOVED|ASK|CLUSTERDOWN) /.test(reason)) this.#options.onMoved();
    if (/^READONLY /.test(reason)) this.close();
  }

  async identify(): Promise<ServerIdentity> {
    const [server, replication] = await this.#read(() =>
      Promise.all([this.#redis.info("server"), this.#redis.info("replication")]),
    );
    const role = /^role:(\S+)/m.exec(replication)?.[1];
    const runId = /^run_id:(\S+)/m.exec(server)?.[1];
    const replId = /^master_replid:(\S+)/m.exec(replication)?.[1];
    if (role !== "master" || runId === undefined || replId === undefined) {
      this.#redis.disconnect();
      throw new LogAway(`the server is no master: ${role}`);
    }
    return { runId, replId };
  }

  async last(shard: number): Promise<LogEntry | undefined> {
    const found = await this.#readLog(() => this.#redis.xrevrange(this.#key(shard), "+", "-", "COUNT", 1));
    return found.map(([id, fields]) => readEntry(id, fields))[0];
  }

  async at(shard: number, id: LogId): Promise<LogEntry | undefined> {
    const found = await this.#readLog(() => this.#redis.xrange(this.#key(shard), formatId(id), formatId(id)));
    return found.map(([at, fields]) => readEntry(at, fields))[0];
  }

  async page(shard: number, after: LogId, limit: number): Promise<LogEntry[]> {
    const found = await this.#readLog(() =>
      this.#redis.xrange(this.#key(shard), `(${formatId(after)}`, "+", "COUNT", limit),
    );
    return found.map(([id, fields]) => readEntry(id, fields));
  }

  async trim(shard: number, upTo: LogId): Promise<void> {
    await this.#read(() => this.#redis.xtrim(this.#key(shard), "MINID", formatId([upTo[0], upTo[1] + 1])));
  }

  /** Whatever goes wrong with a read, the log is away. */
  async #read<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      if (cause.name === "ReplyError") this.#follow(cause.message);
      throw new LogAway(cause.message, { cause });
    }
  }

  /** The same, where the answer is made of entries: a key of another kind has none, and no retry will find any. */
  async #readLog<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await this.#read(command);
    } catch (error) {
      if (!(error instanceof LogAway && error.message.startsWith("WRONGTYPE "))) throw error;
      throw new UnreadableEntry("the key of the log holds something that is no stream", { cause: error });
    }
  }

  #key(shard: number): string {
    return logKey(this.#options.prefix, shard);
  }
}

/** The shard's stream; keys of one shard share a slot. */
export function logKey(prefix: string, shard: number): string {
  return `${prefix}:{s${shard}}:log`;
}

/** Does the server refuse what makes it larger, in memory or on disk? */
export function isWithoutRoom({ message }: Error): boolean {
  return /^(OOM|MISCONF) /.test(message);
}

/** ioredis says so before it writes. */
function isUnsent(error: Error): boolean {
  return error.message.startsWith("Stream isn't writeable");
}
