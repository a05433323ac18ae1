/** A TCP proxy on loopback whose weather a test may change while connections stand: between a node and a store, or a client and a node. */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** `up` is what clients send, `down` what comes back to them. */
export type Direction = "up" | "down";

/** What happens to what passes. The calm passes all on at once. */
export type Weather = {
  /** Before each piece goes on, milliseconds each way. */
  delayMs?: number;
  /** Nothing passes this way, and nothing is lost: the kernels hold it, as they do when packets are dropped on the way. */
  held?: readonly Direction[];
  /** What goes this way vanishes. Such connections are for `reset` afterwards: their streams have holes. */
  swallowed?: readonly Direction[];
  /** Each way. */
  bytesPerSecond?: number;
  /** Each byte is a write of its own, so far into a connection's piece: beyond it the rest goes in one. */
  dripBytes?: number;
  /** New connections are reset. */
  refused?: boolean;
};

/** A held connection looks so often whether the weather has changed, milliseconds. */
const LOOK_MS = 20;
/** A narrow line passes pieces of a tenth of a second. */
const PIECES_PER_SECOND = 10;

type Pair = { near: Socket; far: Socket; weather: Weather | undefined };

export class TestProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<Pair>();
  #weather: Weather = {};
  #tearing = false;

  private constructor(server: Server, port: number, target: { host: string; port: number }) {
    this.#server = server;
    this.port = port;
    this.#target = target;
    server.on("connection", (near) => this.#accept(near));
  }

  /** Listens on a free port of loopback. */
  static async before(target: { host: string; port: number }): Promise<TestProxy> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TestProxy(server, (server.address() as { port: number }).port, target);
  }

  /** The same URL, by way of this proxy. */
  via(url: string): string {
    const changed = new URL(url);
    changed.hostname = "127.0.0.1";
    changed.port = String(this.port);
    return changed.href.replace(/\/$/, "");
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** For all connections, those to come included. */
  change(weather: Weather): void {
    this.#weather = weather;
    for (const pair of this.#pairs) pair.weather = undefined;
  }

  /** Only for one in `nth` of the connections that stand. */
  changeSome(nth: number, weather: Weather): void {
    for (const [i, pair] of [...this.#pairs].entries()) if (i % nth === 0) pair.weather = weather;
  }

  calm(): void {
    this.#tearing = false;
    this.change({});
  }

  /** Every connection ends with a reset at both ends. */
  reset(): void {
    for (const pair of [...this.#pairs]) tear(pair);
  }

  /** From now on the next piece that comes down each connection is passed on by half, and then the connection is reset. */
  tearFrames(): void {
    this.#tearing = true;
  }

  /** The servers' ends are reset; the clients' stay open, and nobody is at the other end. */
  halfOpen(): void {
    for (const pair of [...this.#pairs]) {
      pair.weather = { held: ["up", "down"] };
      this.#pairs.delete(pair);
      pair.far.resetAndDestroy();
    }
  }

  close(): void {
    this.#server.close();
    this.reset();
  }

  #accept(near: Socket): void {
    near.on("error", () => {}); // its end is what counts, and `close` tells it
    if (this.#weather.refused) return void near.resetAndDestroy();
    const far = connect({ ...this.#target, noDelay: true });
    const pair: Pair = { near: near.setNoDelay(true), far, weather: undefined };
    far.on("error", () => {});
    this.#pairs.add(pair);
    near.once("close", () => this.#over(pair));
    far.once("close", () => this.#over(pair));
    void this.#carry(pair, near, far, "up");
    void this.#carry(pair, far, near, "down");
  }

  /** A half-open pair is none of ours any more: its client's end stays as it is. */
  #over(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.near.destroy();
    pair.far.destroy();
  }

  async #carry(pair: Pair, from: Socket, to: Socket, way: Direction): Promise<void> {
    try {
      for await (const piece of from) await this.#pass(pair, piece as Buffer, to, way);
      if (this.#pairs.has(pair)) to.end();
    } catch (error) {
      if (!isEndOfConnection(error)) throw error;
    }
  }

  async #pass(pair: Pair, piece: Buffer, to: Socket, way: Direction): Promise<void> {
    const weather = () => pair.weather ?? this.#weather;
    while (weather().held?.includes(way) && !to.destroyed) await sleep(LOOK_MS);
    const { delayMs = 0, bytesPerSecond, dripBytes = 0 } = weather();
    if (delayMs > 0) await sleep(delayMs);
    if (weather().swallowed?.includes(way)) return;
    if (this.#tearing && way === "down") {
      to.write(piece.subarray(0, Math.ceil(piece.length / 2)));
      return tear(pair);
    }
    const drops = Math.min(dripBytes, piece.length);
    for (let i = 0; i < drops; i++) await write(to, piece.subarray(i, i + 1));
    await this.#pour(to, piece.subarray(drops), bytesPerSecond);
  }

  async #pour(to: Socket, rest: Buffer, bytesPerSecond: number | undefined): Promise<void> {
    if (bytesPerSecond === undefined) return write(to, rest);
    const size = Math.ceil(bytesPerSecond / PIECES_PER_SECOND);
    for (let at = 0; at < rest.length && !to.destroyed; at += size) {
      const part = rest.subarray(at, at + size);
      await sleep((part.length / bytesPerSecond) * 1_000);
      await write(to, part);
    }
  }
}

function tear({ near, far }: Pair): void {
  near.resetAndDestroy();
  far.resetAndDestroy();
}

/** One write, and on to the next turn: so that each is a packet of its own. */
async function write(to: Socket, piece: Buffer): Promise<void> {
  if (to.destroyed || piece.length === 0) return;
  if (!to.write(piece)) await Promise.race([once(to, "drain"), once(to, "close")]);
  else await new Promise<void>((resolve) => setImmediate(resolve));
}

/** What iterating over a socket throws when either side has gone. */
function isEndOfConnection(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  return [
    "ERR_STREAM_PREMATURE_CLOSE",
    "ECONNRESET",
    "EPIPE",
    "ERR_STREAM_DESTROYED",
    "ECONNREFUSED",
  ].includes(code);
}
