/** Redis, Postgres, and the secrets that every node of a cluster shares. */
import { DATABASE_URL_FORM, databaseUrls } from "../lib/database-urls.ts";
import { certificatesIn, longEnough, matching, SECRET_LENGTH_MIN } from "./forms.ts";
import { parseRedisUrl, REDIS_URL_FORM } from "./redis-target.ts";
import { optional, required, text, whole } from "./setting.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Redis, Postgres, and the secrets that every node of a cluster shares. Field names are those of `Config`. */
export const STORE_SETTINGS = {
  redis: required(
    text({
      env: "REDIS_URL",
      unit: "URL",
      bound: REDIS_URL_FORM,
      secret: true,
      read: parseRedisUrl,
      reason: "Redis 7 or Valkey: logs, leases, placement, buses",
      source: "design 30",
    }),
  ),
  redisCa: optional(
    text({
      env: "REDIS_CA_FILE",
      unit: "file",
      bound: "a file of certificates, PEM",
      read: certificatesIn,
      reason: "Signs the certificates of Redis and its Sentinels, where rediss: is used; empty: the system's",
      source: "design 05, A5",
    }),
  ),
  databaseUrl: required(
    text({
      env: "DATABASE_URL",
      unit: "URL",
      bound: DATABASE_URL_FORM,
      secret: true,
      read: (given) => (databaseUrls(given) ? given : undefined),
      reason: "Postgres 15 or newer, the primary; of several servers, the one that is no standby",
      source: "design 30",
    }),
  ),
  databaseReadUrl: optional(
    text({
      env: "DATABASE_READ_URL",
      unit: "URL",
      bound:
        "postgres://user:password@host[:port]/database, or several hosts with commas: the first that answers",
      secret: true,
      read: (given) => (databaseUrls(given) ? given : undefined),
      reason: "A replica for history and search; empty: the primary",
      source: "design 30",
    }),
  ),
  prefix: text({
    env: "HUBBUB_PREFIX",
    unit: "name",
    fallback: "hub",
    bound: "1–32 of a–z, 0–9, _ and -",
    read: matching(/^[a-z\d_-]{1,32}$/),
    reason: "Begins every key and channel in Redis, so that clusters can share one",
    source: "design 30",
  }),
  tokenSecret: required(
    text({
      env: "HUBBUB_TOKEN_SECRET",
      unit: "text",
      bound: `${SECRET_LENGTH_MIN} characters or more`,
      secret: true,
      read: longEnough,
      reason: "Signs access tokens; the same on every node",
      source: "RFC 7518, 3.2",
    }),
  ),
  adminToken: required(
    text({
      env: "HUBBUB_ADMIN_TOKEN",
      unit: "text",
      bound: `${SECRET_LENGTH_MIN} characters or more`,
      secret: true,
      read: longEnough,
      reason: "Opens the admin API on the metrics port; the same on every node",
      source: "chosen",
    }),
  ),
  accessTokenTtlMs: whole({
    env: "HUBBUB_ACCESS_TOKEN_TTL_MS",
    unit: "ms",
    fallback: 15 * MINUTE_MS,
    min: 10_000,
    max: DAY_MS,
    reason: "How long a token opens the door; a live socket must refresh within it",
    source: "chosen",
  }),
  refreshTokenTtlMs: whole({
    env: "HUBBUB_REFRESH_TOKEN_TTL_MS",
    unit: "ms",
    fallback: 30 * DAY_MS,
    min: MINUTE_MS,
    max: 400 * DAY_MS,
    reason: "How long a device stays signed in without being used",
    source: "chosen",
  }),
};
