/**
 * Hears from every Sentinel when another server becomes the master, so that a former master that lives on is left at once
 * (rule L3). ioredis has such a detector; one that hears of a failover while its client reconnects ends the client for ever.
 */
import { Redis } from "ioredis";
import type { RedisAddress } from "../lib/redis-address.ts";

type SentinelAddress = Extract<RedisAddress, { kind: "sentinel" }>;

/** Sentinels say it once per failover, each when it knows; a connection that is not there then is no loss while another is. */
const SWITCHED = "+switch-master";
const CONNECT_TIMEOUT_MS = 2_000;
/** A Sentinel that is away has others beside it. */
const RECONNECT_MS = 1_000;
const KEEP_ALIVE_MS = 5_000;

export class SentinelWatch {
  readonly #sentinels: Redis[];

  /** Connects, and stays so. `onSwitched` gets `host:port` of the new master, from each Sentinel that says so. */
  constructor(address: SentinelAddress, onSwitched: (master: string) => void) {
    const { sentinels, name, sentinelLogin, isTls, ca } = address;
    this.#sentinels = sentinels.map((endpoint) => {
      const sentinel = new Redis({
        ...endpoint,
        ...sentinelLogin,
        ...(isTls && { tls: { ...(ca !== undefined && { ca }) } }),
        connectTimeout: CONNECT_TIMEOUT_MS,
        keepAlive: KEEP_ALIVE_MS,
        enableReadyCheck: false,
        autoResubscribe: false,
        retryStrategy: () => RECONNECT_MS,
      });
      sentinel.on("error", () => {}); // it reconnects; who needs the master asks the others
      sentinel.on("ready", () => void sentinel.subscribe(SWITCHED).catch(() => {})); // the next connection tries again
      sentinel.on("message", (_channel: string, text: string) => {
        const [switched, , , host, port] = text.split(" ");
        if (switched === name) onSwitched(`${host}:${port}`);
      });
      return sentinel;
    });
  }

  close(): void {
    for (const sentinel of this.#sentinels) sentinel.disconnect();
  }
}

/** `client` reconnects as soon as it is known to stand at a former master; until it has ended. */
export function leaveFormerMasters(client: Redis, address: SentinelAddress): void {
  let master: string | undefined;
  const look = () => {
    // While it connects it must not be disturbed: ioredis would give it up. What it finds is looked at then.
    if (client.status !== "ready" || master === undefined) return;
    const { remoteAddress, remotePort } = client.stream as { remoteAddress?: string; remotePort?: number };
    const isThere = `${remoteAddress}:${remotePort}` === master;
    master = undefined; // once per failover: a master's name is not always its address
    if (!isThere) client.disconnect(true);
  };
  const watch = new SentinelWatch(address, (switched) => {
    master = switched;
    look();
  });
  client.on("ready", look);
  client.once("end", () => watch.close());
}
