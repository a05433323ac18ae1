/** REST as a client in a hurry asks it: over connections that stay open, one answer at a time or at a fixed rate. */
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Latencies, type Percentiles } from "./latencies.ts";

/** `path` is under `/api/v1`. */
export type Asking = { nodeUrl: string; method: "GET" | "POST"; path: string; token: string; body?: object };

/** Connections to one node at most: more than are ever busy, so that no request waits for one. */
const SOCKETS_MAX = 256;
/** Between two looks at the schedule; a part of every latency that `atRate` measures. */
const TICK_MS = 1;

export class Rest {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });

  /** The answer's body. Rejects on any refusal: what is measured must have succeeded. */
  async ask({ nodeUrl, method, path, token, body }: Asking): Promise<string> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const asked = request(`${nodeUrl}/api/v1${path}`, {
      method,
      agent: this.#agent,
      headers: {
        authorization: `Bearer ${token}`,
        ...(payload !== undefined && {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(payload),
        }),
      },
    });
    asked.end(payload);
    const [response] = (await once(asked, "response")) as [IncomingMessage];
    const answer = await text(response);
    if (response.statusCode! >= 300)
      throw new Error(`${method} ${path} answered ${response.statusCode}: ${answer}`);
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** `work(0)` … `work(count - 1)`, each after the answer to the one before. */
export async function oneByOne(count: number, work: (i: number) => Promise<unknown>): Promise<Percentiles> {
  const latencies = new Latencies();
  for (let i = 0; i < count; i++) {
    const fromMs = performance.now();
    await work(i);
    latencies.add(performance.now() - fromMs);
  }
  return latencies.percentiles();
}

/**
 * `work(0)`, `work(1)` … at fixed moments, however long answers take. A latency counts from the moment at which its work was
 * due, so that what a slow server holds up is not forgiven it. Rejects where one of them does.
 */
export async function atRate(
  { rate, seconds }: { rate: number; seconds: number },
  work: (i: number) => Promise<unknown>,
): Promise<Percentiles> {
  const latencies = new Latencies();
  const count = Math.floor(rate * seconds);
  const startMs = performance.now();
  const dueAtMs = (i: number) => startMs + (i * 1_000) / rate;
  const timed = async (i: number) => {
    await work(i);
    latencies.add(performance.now() - dueAtMs(i));
  };
  const failures: unknown[] = [];
  const underWay: Promise<void>[] = [];
  while (underWay.length < count && failures.length === 0) {
    while (underWay.length < count && dueAtMs(underWay.length) <= performance.now())
      underWay.push(timed(underWay.length).catch((error: unknown) => void failures.push(error)));
    await sleep(TICK_MS);
  }
  await Promise.all(underWay);
  if (failures.length > 0) throw failures[0];
  return latencies.percentiles();
}
