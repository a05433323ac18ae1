/** Everything of Postgres that a running node needs, over three pools. `migrate` has run before. */
import type { Logger } from "pino";
import type { ChannelFacts, UserFacts } from "../../actors/ports.ts";
import type { Accounts, History, Memberships, People } from "../../gateway/ports.ts";
import type { Reigns } from "../ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { createAccounts } from "./accounts.ts";
import { type Audit, createAudit } from "./audit.ts";
import { type ClusterRecord, clusterSecret, createClusterRecord } from "./cluster-record.ts";
import { createFacts } from "./facts.ts";
import { createHistory } from "./history.ts";
import { createMemberships } from "./memberships.ts";
import { createPeople } from "./people.ts";
import { openPool, type Statement } from "./pools.ts";
import { createProjector, type StoppableProjector } from "./projector/projector.ts";
import { createReigns } from "./reigns.ts";
import { createSearch, type StoreSearch } from "./search.ts";
import { Servers } from "./servers.ts";
import { isAway } from "./trouble.ts";
import { createUserFacts } from "./user-facts.ts";

/** Connections at most, per node. The projector uses one; claims of a take-over and registrations share the rest. Chosen. */
const WRITE_CONNECTIONS_MAX = 5;
const READ_CONNECTIONS_MAX = 8;

export type StoreOptions = {
  /** The primary; of several servers, the one that is it. */
  databaseUrl: string;
  /** Serves pages of history up to the position that it has reached; absent: the primary does. */
  replicaUrl?: string;
  metrics: Pick<Metrics, "sqlStatements" | "postgresPool" | "deadEvents" | "projected" | "stageDuration">;
  log: Logger;
  /** Unix milliseconds. Default: the machine's clock. */
  nowMs?: () => number;
};

export type Store = {
  facts: ChannelFacts;
  userFacts: UserFacts;
  reigns: Reigns;
  accounts: Accounts;
  history: History;
  memberships: Memberships;
  people: People;
  search: StoreSearch;
  /** Recounts what the tables say in numbers (row C12). */
  audit: Audit;
  clusterRecord: ClusterRecord;
  /** Runs from its first source on. */
  projector: StoppableProjector;
  /** Does the primary answer, and take writes? Never rejects. */
  ping(): Promise<boolean>;
  /** Signs the cluster's tokens. Made by the first node that asks, kept in Postgres. Rejects with `StoreAway`. */
  secret(): Promise<string>;
  /** The projector stops, statements under way end, connections close. */
  close(): Promise<void>;
};

const PING: Statement = {
  name: "ping",
  text: "select current_setting('transaction_read_only') = 'off' as writable",
};

/** Connects when it is first asked; Postgres may be away then, and come back. */
export function openStore(options: StoreOptions): Store {
  const { databaseUrl, replicaUrl, metrics, log, nowMs = Date.now } = options;
  const open = (name: string, kind: "read" | "write", servers: Servers, sizeMax: number) =>
    openPool({ name, kind, databaseUrl: servers, sizeMax, metrics, log });
  const primary = new Servers(databaseUrl);
  const write = open("write", "write", primary, WRITE_CONNECTIONS_MAX);
  const read = open("read", "read", primary, READ_CONNECTIONS_MAX);
  const replica =
    replicaUrl === undefined
      ? undefined
      : open("replica", "read", new Servers(replicaUrl, "any"), READ_CONNECTIONS_MAX);
  const projector = createProjector({ pool: write, metrics, log, nowMs });
  return {
    facts: createFacts(read),
    userFacts: createUserFacts({ read, write }),
    reigns: createReigns(write),
    accounts: createAccounts({ read, write }, nowMs),
    history: createHistory(read, replica),
    memberships: createMemberships(read, nowMs),
    people: createPeople({ read, write }, nowMs),
    search: createSearch({ read, write, replica }),
    audit: createAudit(read),
    clusterRecord: createClusterRecord(write, nowMs),
    projector,
    async ping() {
      try {
        const [row] = await read.rows<{ writable: boolean }>(PING);
        return row?.writable === true;
      } catch (error) {
        if (isAway(error)) return false;
        throw error;
      }
    },
    secret: () => clusterSecret(write),
    async close() {
      await projector.stop();
      await Promise.all([write.close(), read.close(), replica?.close()]);
    },
  };
}
