/** What a driver's error means to us: Postgres cannot be asked, it refuses this data, or our own code is wrong. */
import pg from "pg";
import { StoreAway } from "../../actors/ports.ts";
import { Standby } from "./servers.ts";

/**
 * SQLSTATE classes that time or an operator heals: connection (08), authorisation of the connection (28), unknown
 * database (3D), transaction rolled back (40), resources (53), object in use (55), operator (57: shutdown, cancelled,
 * starting up), I/O (58). And 25006: a primary that has become read-only.
 */
const AWAY_CLASSES = new Set(["08", "28", "3D", "40", "53", "55", "57", "58"]);
const READ_ONLY = "25006";

/** Of class 08, but our own mistake: a message that breaks the wire protocol. */
const PROTOCOL_VIOLATION = "08P01";

/** Data exceptions and broken constraints (rule J2). */
const DATA_CLASSES = new Set(["22", "23"]);

/** What pg and pg-pool say, without a code, of a connection that is gone, late, or not to be had. */
const AWAY_MESSAGES =
  /^(connection terminated|timeout expired|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|client was closed|cannot use a pool after calling end)/i;

/** Five characters, or undefined where the error does not come from Postgres. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/** Can Postgres not be asked now? */
export function isAway(error: unknown): boolean {
  if (error instanceof StoreAway || error instanceof Standby) return true;
  const state = sqlState(error);
  if (state === PROTOCOL_VIOLATION) return false;
  if (state !== undefined) return state === READ_ONLY || AWAY_CLASSES.has(state.slice(0, 2));
  if (!(error instanceof Error)) return false;
  if ("syscall" in error || error instanceof AggregateError) return true; // ECONNREFUSED, ECONNRESET, ENOTFOUND …
  return AWAY_MESSAGES.test(error.message);
}

/** Does Postgres refuse what it was given, so that the same statement fails for ever? */
export function isDataFault(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && DATA_CLASSES.has(state.slice(0, 2));
}

/** The error for our callers: `StoreAway` with the driver's as its cause, or what it was. */
export function translated(error: unknown): unknown {
  if (error instanceof StoreAway || !isAway(error)) return error;
  return new StoreAway(`Postgres is away: ${(error as Error).message || sqlState(error)}`, { cause: error });
}
