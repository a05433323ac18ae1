/**
 * An even load: channels × listeners, every listener a socket of its own, messages in turn over channels and members.
 * Each socket checks what it gets; the result says whether everything was acked and delivered.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { ChatClient } from "./chat-client.ts";
import { Latencies, type Percentiles } from "./latencies.ts";
import { rawLink } from "./link.ts";
import { openNodeSocket } from "./node-socket.ts";
import type { Observer } from "./observer.ts";
import { makeSite, type SiteChannel } from "./site.ts";

export type LoadOptions = {
  nodes: string[];
  channels: number;
  /** Sockets per channel, all of them members and listeners. */
  listeners: number;
  /** Messages per second over all channels. */
  rate: number;
  seconds: number;
  /** Characters of a message. */
  size: number;
  /** Before anything is measured, at the same rate. */
  warmUpSeconds: number;
};

export type LoadResult = {
  sent: number;
  acked: number;
  /** Deliveries that should have been: messages × listeners. */
  expected: number;
  delivered: number;
  delivery: Percentiles;
  ack: Percentiles;
  faults: {
    duplicates: number;
    disorders: number;
    holes: number;
    gapsRepaired: number;
    refused: number;
    resent: number;
    failed: string[];
  };
  /** Of this process: near 1 it measures itself. */
  generatorCpu: number;
};

/** `measure` begins and `measured` ends what counts: the moments for a look at the servers. */
export type LoadPhase = "ready" | "measure" | "measured";

const TICK_MS = 4;
/** Sockets that open at once, and until they must listen. */
const CONNECT_BATCH = 25;
const CONNECT_PAUSE_MS = 25;
const LISTEN_WITHIN_MS = 60_000;
/** What is still missing after it is lost. */
const SETTLE_MS = 15_000;

export async function generate(
  options: LoadOptions,
  onPhase: (phase: LoadPhase) => void,
): Promise<LoadResult> {
  const { nodes, channels, listeners, rate } = options;
  const people = Math.max(listeners, Math.min(100, channels * listeners));
  const site = await makeSite({ nodes, people, channels, membersPerChannel: listeners });
  const run = new Run();
  const rooms = await connectAll(options, site.channels, run);
  onPhase("ready");
  let k = 0;
  const send = (text: string) => {
    const { id, clients } = rooms[k % rooms.length]!;
    clients[Math.floor(k++ / rooms.length) % clients.length]!.send(id, text);
  };
  const pad = "x".repeat(Math.max(0, options.size - 24));
  await evenly(rate, options.warmUpSeconds, () => send(`w ${pad}`));
  onPhase("measure");
  const cpu = process.cpuUsage();
  const sent = await evenly(rate, options.seconds, () => send(`m${now().toFixed(3)} ${pad}`));
  const { user, system } = process.cpuUsage(cpu);
  onPhase("measured");
  const expected = sent * listeners;
  await until(
    () =>
      run.acked >= sent &&
      run.delivered >= expected &&
      rooms.every((room) => room.clients.every((c) => c.settled)),
    SETTLE_MS,
  );
  const result = run.result(
    sent,
    expected,
    rooms.flatMap((room) => room.clients),
    (user + system) / 1e6 / options.seconds,
  );
  for (const room of rooms) for (const client of room.clients) client.stop();
  return result;
}

type LoadedRoom = { id: string; clients: ChatClient[] };

async function connectAll(options: LoadOptions, channels: SiteChannel[], run: Run): Promise<LoadedRoom[]> {
  const rooms: LoadedRoom[] = channels.map(({ id }) => ({ id, clients: [] }));
  let started = 0;
  for (const [c, { id, members }] of channels.entries()) {
    for (const { token } of members) {
      const client = new ChatClient({
        token,
        nodes: options.nodes,
        firstNode: started,
        channelIds: [id],
        enter: "channel:join",
        openLink: rawLink(openNodeSocket),
        observer: run.observer,
        nowMs: now,
      });
      rooms[c]!.clients.push(client);
      client.start();
      if (++started % CONNECT_BATCH === 0) await sleep(CONNECT_PAUSE_MS);
    }
  }
  const listening = () => rooms.every((room) => room.clients.every((client) => client.listening));
  const all = await until(() => run.failed.length > 0 || listening(), LISTEN_WITHIN_MS);
  if (!all || !listening()) {
    throw new Error(
      `not every socket listens: ${run.failed.slice(0, 3).join("; ") || `after ${LISTEN_WITHIN_MS} ms`}`,
    );
  }
  return rooms;
}

/** What all sockets saw, summed. Only messages that begin with `m` count: the time at which they were made follows. */
class Run {
  acked = 0;
  delivered = 0;
  readonly failed: string[] = [];
  #refused = 0;
  #resent = 0;
  readonly #ackedIds = new Set<string>();
  readonly #delivery = new Latencies();
  readonly #ack = new Latencies();
  readonly observer: Observer = {
    sent: (_, item) => {
      if (item.attempt > 1) this.#resent += 1;
    },
    acked: (_, item) => {
      if (item.content[0] !== "m" || this.#ackedIds.has(item.clientId)) return;
      this.#ackedIds.add(item.clientId);
      this.acked += 1;
      this.#ack.add(now() - madeAtMs(item.content));
    },
    refused: () => {
      this.#refused += 1;
    },
    took: (_, event) => {
      if (event.type !== "message:new" || event.message.content[0] !== "m") return;
      this.delivered += 1;
      this.#delivery.add(now() - madeAtMs(event.message.content));
    },
    failed: (what, error) => this.failed.push(`${what}: ${JSON.stringify(error)}`),
  };

  result(sent: number, expected: number, clients: ChatClient[], generatorCpu: number): LoadResult {
    const faults = {
      duplicates: 0,
      disorders: 0,
      holes: 0,
      gapsRepaired: 0,
      refused: this.#refused,
      resent: this.#resent,
      failed: this.failed,
    };
    for (const client of clients) {
      for (const { position } of client.channels.values()) {
        faults.duplicates += position.faults.duplicates;
        faults.disorders += position.faults.disorders;
        faults.holes += position.faults.holes;
        faults.gapsRepaired += position.gaps;
      }
    }
    const { acked, delivered } = this;
    return {
      sent,
      acked,
      expected,
      delivered,
      delivery: this.#delivery.percentiles(),
      ack: this.#ack.percentiles(),
      faults,
      generatorCpu,
    };
  }
}

/** Milliseconds since the Unix epoch with their fraction. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function madeAtMs(content: string): number {
  return Number.parseFloat(content.slice(1));
}

/** Calls `work` `rate` times a second, for so long, without drift. Answers how often. */
async function evenly(rate: number, seconds: number, work: () => void): Promise<number> {
  const from = performance.now();
  const all = Math.round(rate * seconds);
  let done = 0;
  while (done < all) {
    const due = Math.min(all, Math.floor(((performance.now() - from) * rate) / 1_000));
    for (; done < due; done++) work();
    await sleep(TICK_MS);
  }
  return done;
}

async function until(holds: () => boolean, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}
