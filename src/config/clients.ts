/** What one person, connection or address may ask of a node. */
import { oneOf, onOff, whole } from "./setting.ts";

const MIB = 1_048_576;

/** What one person, connection or address may ask of a node. Field names are those of `Config`. */
export const CLIENT_SETTINGS = {
  rateLimits: onOff({
    env: "HUBBUB_RATE_LIMITS",
    unit: "switch",
    fallback: "on",
    reason: "Off for load and tests only",
    source: "design 40",
  }),
  messagesPerMinute: whole({
    env: "HUBBUB_MESSAGES_PER_MINUTE",
    unit: "messages a person",
    fallback: 100,
    min: 1,
    max: 1_000_000,
    reason: "Faster than anyone writes",
    source: "design 40",
  }),
  eventsPerSecond: whole({
    env: "HUBBUB_EVENTS_PER_SECOND",
    unit: "events a connection",
    fallback: 50,
    min: 1,
    max: 1_000_000,
    reason: "A client that opens many channels at once stays below",
    source: "design 40",
  }),
  connectsPerMinute: whole({
    env: "HUBBUB_CONNECTS_PER_MINUTE",
    unit: "connects an address",
    fallback: 600,
    min: 1,
    max: 10_000_000,
    reason: "A school behind one address may come back at once",
    source: "design 40",
  }),
  registrationsPerMinute: whole({
    env: "HUBBUB_REGISTRATIONS_PER_MINUTE",
    unit: "registrations an address",
    fallback: 60,
    min: 1,
    max: 1_000_000,
    reason: "Each costs 70 ms of Argon2id",
    source: "design 40",
  }),
  connections: oneOf({
    env: "HUBBUB_CONNECTIONS",
    unit: "connections a person",
    words: ["many", "one"],
    fallback: "many",
    reason: "Phone, laptop and tabs at once; with `one`, the newest connection ends the others",
    source: "design 05, P6",
  }),
  trustedProxies: whole({
    env: "HUBBUB_TRUSTED_PROXIES",
    unit: "proxies",
    fallback: 0,
    min: 0,
    max: 10,
    reason: "How many balancers stand in front and add to `X-Forwarded-For`: the address for the rates above",
    source: "chosen",
  }),
  slowClientBytes: whole({
    env: "HUBBUB_SLOW_CLIENT_BYTES",
    unit: "bytes a connection",
    fallback: MIB,
    min: 65_536,
    max: 256 * MIB,
    reason: "What may wait for a slow reader before it is skipped forward; some 1,000 frames",
    source: "chosen",
  }),
  heartbeatMs: whole({
    env: "HUBBUB_HEARTBEAT_MS",
    unit: "ms",
    fallback: 25_000,
    min: 1_000,
    max: 120_000,
    reason: "Between pings; below the 60 s after which proxies cut idle connections",
    source: "engine.io's default",
  }),
};
