/** How long a node lets those wait who are there already: a question that it answers by itself, asked again and again. */
import { Latencies, type Percentiles } from "./latencies.ts";
import { type Link, rawLink } from "./link.ts";
import { openNodeSocket } from "./node-socket.ts";

/** Between two questions, answered or not. */
const EVERY_MS = 20;

export class RttProbe {
  #latencies = new Latencies();
  readonly #links: Link[];
  readonly #timer: NodeJS.Timeout;
  /** When each question that has no answer yet was asked. */
  readonly #open = new Set<number>();

  private constructor(links: Link[]) {
    this.#links = links;
    this.#timer = setInterval(() => this.#ask(), EVERY_MS);
  }

  /** One connection to each of these nodes. */
  static async open(nodeUrls: readonly string[], token: string): Promise<RttProbe> {
    return new RttProbe(await Promise.all(nodeUrls.map((url) => connect(url, token))));
  }

  /** What came since it was asked last; a question without an answer counts with its age. */
  take(): Percentiles {
    const taken = this.#latencies;
    for (const askedAtMs of this.#open) taken.add(performance.now() - askedAtMs);
    this.#latencies = new Latencies();
    return taken.percentiles();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const link of this.#links) link.close();
  }

  #ask(): void {
    for (const link of this.#links) {
      const askedAtMs = performance.now();
      this.#open.add(askedAtMs);
      link.emit("health:check", {}, () => {
        this.#open.delete(askedAtMs);
        this.#latencies.add(performance.now() - askedAtMs);
      });
    }
  }
}

function connect(url: string, token: string): Promise<Link> {
  return new Promise((resolve, reject) => {
    const link = rawLink(openNodeSocket)(
      url,
      { token, protocol: 1 },
      {
        event: (name) => name === "session:ready" && resolve(link),
        refused: (error) => reject(new Error(JSON.stringify(error))),
        closed: (reason) => reject(new Error(`the probe's connection has ended: ${reason}`)),
      },
    );
  });
}
