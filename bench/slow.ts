/**
 * `slow`: some of a channel's listeners stop reading. They are skipped forward at their byte budget, so memory stays bounded
 * and nobody else waits; when they read again they are told, and catch up (row D9).
 */
import type { Socket as TcpSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { newChannel, newUser } from "../gateway/doubles.ts";
import { createStage, type Stage, type StagedGateway, tokenOf } from "../test/support/gateway-stage.ts";
import { startRedis } from "../test/support/redis.ts";
import type { Figure, Outcome } from "./figures.ts";
import { connectFrame, eventFrame, PONG, parseFrame, websocketUrl } from "./k6/socket-io.ts";
import { Latencies, type Percentiles } from "./load/latencies.ts";
import { inParallel } from "./load/site.ts";

/** `slow` of the `listeners` stop reading for `seconds`. */
export type SlowOptions = { listeners: number; slow: number; rate: number; seconds: number };

/** Characters of a message: large ones, so that what the kernel holds for a reader is soon full. */
const SIZE = 3_900;
const BUDGET_BYTES = 262_144;
/** Nobody is ended within the run. */
const SLOW_CUT_MS = 600_000;
const CONVERGED_WITHIN_MS = 60_000;
/** Times `seconds`, until what the kernels hold for those who do not read is full as well. */
const LONGER_AT_MOST = 6;
/** What one message may add to a backlog beyond its budget: a frame that was begun below it. */
const FRAME_BYTES = 65_536;

/** A listener by hand, whose TCP connection can be stopped. */
class Reader {
  seq = 0;
  behind = 0;
  /** Events that were not the next. */
  wrong = 0;
  readonly #socket: WebSocket;
  readonly #channelId: string;
  readonly #latencies: () => Latencies | undefined;
  #asked = 0;
  #opened: (() => void) | undefined;

  constructor(url: string, channelId: string, token: string, latencies: () => Latencies | undefined) {
    this.#channelId = channelId;
    this.#latencies = latencies;
    this.#socket = new WebSocket(websocketUrl(url), { perMessageDeflate: false });
    this.#socket.on("message", (data) => this.#take(data.toString(), token));
  }

  /** Resolves when it listens. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opened = resolve;
      this.#socket.on("error", reject);
    });
  }

  /** Reads nothing more; or again. */
  pause(on: boolean): void {
    const tcp = (this.#socket as unknown as { _socket: TcpSocket })._socket;
    if (on) tcp.pause();
    else tcp.resume();
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(text: string, token: string): void {
    const packet = parseFrame(text);
    if (packet.kind === "handshake") this.#socket.send(connectFrame({ token, protocol: 1 }));
    else if (packet.kind === "ping") this.#socket.send(PONG);
    else if (packet.kind === "answer") this.#answered(packet.answer as Answered);
    else if (packet.kind === "event") this.#heard(packet.name, packet.payload as Heard);
  }

  #heard(name: string, { events }: Heard): void {
    if (name === "session:ready") this.#ask("channel:open", {});
    else if (name === "channel:behind") {
      this.behind += 1;
      this.#ask("channel:sync", { afterSeq: this.seq, epoch: 1 });
    } else if (name === "channel:events") this.#took(events, true);
  }

  #answered({ events, seq, more }: Answered): void {
    if (events === undefined) this.seq = seq;
    else this.#took(events, false);
    if (more === true) this.#ask("channel:sync", { afterSeq: this.seq, epoch: 1 });
    this.#opened?.();
  }

  #took(events: Heard["events"], isLive: boolean): void {
    const nowMs = Date.now();
    for (const { seq, atMs } of events) {
      if (seq !== this.seq + 1) this.wrong += 1;
      this.seq = seq;
      if (isLive) this.#latencies()?.add(nowMs - atMs);
    }
  }

  #ask(name: "channel:open" | "channel:sync", more: object): void {
    this.#socket.send(eventFrame(++this.#asked, name, { channelId: this.#channelId, ...more }));
  }
}

type Heard = { events: { seq: number; atMs: number }[] };
type Answered = { events?: Heard["events"]; seq: number; more?: boolean };

export async function slow(options: SlowOptions): Promise<Outcome> {
  const redis = await startRedis({ aof: false });
  const stage = await createStage(redis.url, "bench");
  const readers: Reader[] = [];
  try {
    const gateway = await stage.addGateway({ slowClientBytes: BUDGET_BYTES, slowCutMs: SLOW_CUT_MS });
    return { bench: "slow", options, figures: await measure(stage, gateway, readers, options) };
  } finally {
    // The end of Redis alone holds no process open.
    const open = setInterval(() => {}, CONVERGED_WITHIN_MS);
    for (const reader of readers) reader.close();
    await stage.close();
    await redis.stop();
    clearInterval(open);
  }
}

type Spoken = { late: Percentiles; rssMost: number; waitingMost: number };

/** The one channel, and who reads it. */
class Talk {
  readonly channelId = newChannel();
  readonly #author = newUser();
  readonly #stage: Stage;
  readonly #gateway: StagedGateway;
  #latencies = new Latencies();

  constructor(stage: Stage, gateway: StagedGateway) {
    this.#stage = stage;
    this.#gateway = gateway;
    stage.channels.create(this.channelId, [this.#author]);
  }

  get head(): number {
    return this.#stage.channels.channels.get(this.channelId)!.log.length;
  }

  /** So many more who listen; `timed`: whose lateness counts. */
  gather(count: number, timed: boolean): Promise<Reader[]> {
    return inParallel(count, async () => {
      const userId = newUser();
      this.#stage.channels.channels.get(this.channelId)!.members.add(userId);
      const told = () => (timed ? this.#latencies : undefined);
      const reader = new Reader(this.#gateway.url, this.channelId, tokenOf(userId), told);
      await reader.open();
      return reader;
    });
  }

  /** Messages at a rate for so many seconds, and longer until it is `enough`. */
  async go({ rate, seconds }: SlowOptions, enough: () => Promise<boolean>): Promise<Spoken> {
    this.#latencies = new Latencies();
    let [rssMost, waitingMost] = [0, 0];
    for (let sent = 0; sent < rate * seconds * LONGER_AT_MOST; sent++) {
      if (sent >= rate * seconds && (await enough())) break;
      const event = this.#stage.channels.say(this.channelId, this.#author, "x".repeat(SIZE));
      this.#gateway.broadcaster.publish(this.channelId, 1, [event]);
      await sleep(1_000 / rate);
      rssMost = Math.max(rssMost, process.memoryUsage.rss());
      waitingMost = Math.max(waitingMost, await this.#gateway.metric("hubbub_write_buffer_bytes"));
    }
    return { late: this.#latencies.percentiles(), rssMost, waitingMost };
  }
}

async function measure(
  stage: Stage,
  gateway: StagedGateway,
  readers: Reader[],
  options: SlowOptions,
): Promise<Figure[]> {
  const talk = new Talk(stage, gateway);
  readers.push(...(await talk.gather(options.listeners - options.slow, true)));
  const calm = await talk.go(options, async () => true);
  // They have read nothing yet, so the kernel holds as little for each of them as it ever does.
  const halted = await talk.gather(options.slow, false);
  readers.push(...halted);
  for (const reader of halted) reader.pause(true);
  const isHeld = async () => (await gateway.metric("hubbub_lagging_connections")) >= options.slow;
  const held = await talk.go(options, isHeld);
  const skipped = await gateway.metric("hubbub_skipped_events_total");
  for (const reader of halted) reader.pause(false);
  const fromMs = performance.now();
  const isWhole = () => readers.every(({ seq }) => seq === talk.head);
  while (!isWhole() && performance.now() - fromMs < CONVERGED_WITHIN_MS) await sleep(50);
  const seconds = (performance.now() - fromMs) / 1_000;
  return [
    ...wholeFigures(readers, talk.head, seconds),
    { name: "events skipped for those who did not read", value: skipped, unit: "", target: { least: 1 } },
    {
      name: "of whom were told `channel:behind`",
      value: halted.filter(({ behind }) => behind > 0).length,
      unit: "",
      target: { least: options.slow },
    },
    ...heldFigures(calm, held, options),
  ];
}

function wholeFigures(readers: readonly Reader[], head: number, seconds: number): Figure[] {
  const whole = readers.filter(({ seq }) => seq === head).length;
  const wrong = readers.reduce((sum, reader) => sum + reader.wrong, 0);
  return [
    { name: "all at the head again", value: whole, unit: "", target: { least: readers.length } },
    { name: "… after", value: seconds, unit: "s" },
    { name: "events out of order, doubled or missed", value: wrong, unit: "", target: { most: 0 } },
  ];
}

function heldFigures(calm: Spoken, held: Spoken, options: SlowOptions): Figure[] {
  const mib = (bytes: number) => bytes / 2 ** 20;
  return [
    {
      name: "waited for them in memory, at most",
      value: mib(held.waitingMost),
      unit: "MiB",
      target: { most: mib(options.slow * (BUDGET_BYTES + FRAME_BYTES)) },
    },
    { name: "memory (RSS) with all reading, at most", value: mib(calm.rssMost), unit: "MiB" },
    { name: "memory (RSS) meanwhile, at most", value: mib(held.rssMost), unit: "MiB" },
    { name: "the others: late p99, all reading", value: calm.late.p99, unit: "ms" },
    { name: "the others: late p99, meanwhile", value: held.late.p99, unit: "ms" },
    {
      name: "… against all reading",
      value: held.late.p99 / calm.late.p99,
      unit: "×",
      target: { most: 1.5 },
    },
  ];
}
