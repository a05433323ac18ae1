/** Where Redis is and how to enter it, and the plain options by which ioredis is told so. */
import { assert } from "./assert.ts";

/** A server; `port` is its scheme's own where a URL names none. */
export type RedisEndpoint = { host: string; port: number };

/** Who enters, and which database. */
export type RedisLogin = { username?: string; password?: string; db?: number };

/**
 * `standalone`: one server. `cluster`: some masters of a Redis Cluster to begin with. `sentinel`: Sentinels that know
 * which server is the master `name`; `sentinelLogin` opens them, `login` opens the server, `isTls` holds for both.
 * `ca`: certificates (PEM) that sign those of the servers, for TLS; absent: the system's.
 */
export type RedisAddress =
  | { kind: "standalone"; url: string; ca?: string }
  | { kind: "cluster"; urls: readonly string[]; ca?: string }
  | {
      kind: "sentinel";
      sentinels: readonly RedisEndpoint[];
      name: string;
      login: RedisLogin;
      sentinelLogin: RedisLogin;
      isTls: boolean;
      ca?: string;
    };

/** What a connection to every server of an address begins with. */
export type RedisEntry = RedisLogin & { tls?: { ca?: string } };

/** Of Redis itself; Sentinels have another. */
const REDIS_PORT = 6379;

export function endpointOf(url: string): RedisEndpoint {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || REDIS_PORT) };
}

/** Of one server that is not looked up: with its endpoint. */
export function serverOptions({ url, ca }: { url: string; ca?: string }): RedisEndpoint & RedisEntry {
  return { ...endpointOf(url), ...entryOf(url, ca) };
}

/** What holds for every node of a Redis Cluster, also for those that are found later: ioredis takes it from no URL. */
export function clusterEntry({ urls, ca }: { urls: readonly string[]; ca?: string }): RedisEntry {
  const [first] = urls;
  assert(first !== undefined, "a Redis Cluster has an address");
  return entryOf(first, ca);
}

/** Of the server that the Sentinels call the master, each time that a connection is made. */
export function sentinelOptions(address: Extract<RedisAddress, { kind: "sentinel" }>) {
  const { sentinels, name, login, sentinelLogin, isTls, ca } = address;
  const tls = { ...(ca !== undefined && { ca }) };
  return {
    sentinels: [...sentinels],
    name,
    role: "master" as const,
    ...login,
    ...(sentinelLogin.username !== undefined && { sentinelUsername: sentinelLogin.username }),
    ...(sentinelLogin.password !== undefined && { sentinelPassword: sentinelLogin.password }),
    ...(isTls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
}

function entryOf(url: string, ca: string | undefined): RedisEntry {
  const { username, password, protocol, pathname } = new URL(url);
  return {
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
    ...(pathname.length > 1 && { db: Number(pathname.slice(1)) }),
    ...(protocol === "rediss:" && { tls: { ...(ca !== undefined && { ca }) } }),
  };
}
