/** What every part of a node's placement stands on: its name, its connections, its copy of the table, its clock. */
import type { Logger } from "pino";
import type { RedisAddress } from "../lib/redis-address.ts";
import { ClusterClock } from "./clock.ts";
import { Continuity } from "./continuity.ts";
import { Control } from "./control.ts";
import { type ClusterKeys, clusterKeys } from "./keys.ts";
import { drawIncarnation } from "./nodes.ts";
import { PlacementTable } from "./placement-table.ts";
import { openRedis, type RedisClient, whenReady } from "./redis.ts";
import { TableReader } from "./table-reader.ts";

export type GroundOptions = {
  redis: RedisAddress;
  /** Begins every key and channel. */
  prefix: string;
  /** Fixed for the life of a cluster; 256 unless it was made otherwise. */
  shards: number;
  /** Configured; the incarnation adds a nonce. */
  name: string;
  logger: Logger;
};

export type Ground = {
  readonly incarnation: string;
  readonly keys: ClusterKeys;
  readonly commands: RedisClient;
  readonly publisher: RedisClient;
  readonly subscriber: RedisClient;
  readonly control: Control;
  readonly table: PlacementTable;
  readonly reader: TableReader;
  readonly clock: ClusterClock;
  readonly continuity: Continuity;
  readonly logger: Logger;
};

/** Begins to connect; nothing is written. */
export function layGround({ redis, prefix, shards, name, logger }: GroundOptions): Ground {
  const keys = clusterKeys(prefix);
  const commands = openRedis(redis, "commands");
  const control = new Control(commands, keys);
  const table = new PlacementTable(shards);
  const continuity = new Continuity();
  commands.on("error", (error: Error) => logger.debug({ err: error }, "control: connection error"));
  commands.on("close", () => continuity.broke());
  return {
    incarnation: drawIncarnation(name),
    keys,
    commands,
    publisher: openRedis(redis, "commands"),
    subscriber: openRedis(redis, "subscriber"),
    control,
    table,
    reader: new TableReader(control, table, logger),
    clock: new ClusterClock(),
    continuity,
    logger,
  };
}

/** Waits until Redis can be asked and published to. */
export async function whenConnected({ commands, publisher, subscriber }: Ground): Promise<void> {
  await Promise.all([commands, publisher, subscriber].map(whenReady));
}

/** Ends the connections for commands and publishing when all is answered; the bus ends its own subscription. */
export async function disconnect({ commands, publisher, logger }: Ground): Promise<void> {
  const quits = await Promise.allSettled([commands, publisher].map((client) => client.quit()));
  for (const quit of quits)
    if (quit.status === "rejected") logger.debug({ err: quit.reason }, "a connection was closed before");
  for (const client of [commands, publisher]) client.disconnect();
}
