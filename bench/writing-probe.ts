/** Writes into many channels through one node, without the patience of a client: to see when writes are accepted. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "../protocol/refusals.ts";
import { Latencies, type Percentiles } from "./load/latencies.ts";
import { type Link, rawLink } from "./load/link.ts";
import { openNodeSocket } from "./load/node-socket.ts";
import { uuidv7 } from "./load/uuid.ts";

/** Between an answer and the next message of a channel. */
const EVERY_MS = 50;

export class WritingProbe {
  /** Sends refused so far. */
  refused = 0;
  readonly #link: Link;
  /** Monotonic times of acks, by channel. */
  readonly #acks: Map<string, number[]>;
  #latencies = new Latencies();
  #closed = false;

  private constructor(link: Link, channelIds: readonly string[]) {
    this.#link = link;
    this.#acks = new Map(channelIds.map((id) => [id, []]));
    for (const id of channelIds) this.#write(id, uuidv7(Date.now()), 1, performance.now());
  }

  /** Connects and begins. `token` is of a member of all channels. */
  static open(nodeUrl: string, token: string, channelIds: readonly string[]): Promise<WritingProbe> {
    return new Promise((resolve, reject) => {
      const link = rawLink(openNodeSocket)(
        nodeUrl,
        { token, protocol: 1 },
        {
          event(name) {
            if (name === "session:ready") resolve(new WritingProbe(link, channelIds));
          },
          refused: (error) => reject(new Error(JSON.stringify(error))),
          closed: (reason) => reject(new Error(`the probe's node is gone: ${reason}`)),
        },
      );
    });
  }

  /** Every channel has accepted a message after `fromMs`. */
  async untilAllWrite(fromMs: number, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    const silent = () =>
      [...this.#acks].filter(([, times]) => (times.at(-1) ?? 0) < fromMs).map(([id]) => id);
    while (silent().length > 0) {
      if (performance.now() > deadline)
        throw new Error(`${silent().length} channels take no message after ${withinMs} ms`);
      await sleep(EVERY_MS);
    }
  }

  /** Per channel the longest time between two acks since `fromMs`. */
  pausesMs(fromMs: number): number[] {
    return [...this.#acks.values()].map((times) => {
      const since = [fromMs, ...times.filter((at) => at > fromMs)];
      return since.slice(1).reduce((longest, at, i) => Math.max(longest, at - since[i]!), 0);
    });
  }

  close(): void {
    this.#closed = true;
    this.#link.close();
  }

  /** From a message's first try to its ack, of those that were acked since it was asked last. */
  takeLatencies(): Percentiles {
    const taken = this.#latencies;
    this.#latencies = new Latencies();
    return taken.percentiles();
  }

  #write(channelId: string, clientId: string, attempt: number, firstAtMs: number): void {
    if (this.#closed) return;
    const payload = { channelId, clientId, content: "a message", ...(attempt > 1 && { attempt }) };
    this.#link.emit("message:send", payload, (raw) => {
      const answer = raw as Answer;
      if (answer.ok) {
        this.#acks.get(channelId)!.push(performance.now());
        this.#latencies.add(performance.now() - firstAtMs);
      } else this.refused += 1;
      const next = () =>
        answer.ok
          ? this.#write(channelId, uuidv7(Date.now()), 1, performance.now())
          : this.#write(channelId, clientId, attempt + 1, firstAtMs);
      setTimeout(next, EVERY_MS);
    });
  }
}
