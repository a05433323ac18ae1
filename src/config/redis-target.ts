/** The forms of `REDIS_URL`. */
import type { RedisAddress, RedisLogin } from "../lib/redis-address.ts";

/** Shown where a URL is refused. */
export const REDIS_URL_FORM =
  "redis://[user:password@]host[:port][/database], redis://[user:password@]a,b,c?cluster, or redis+sentinel://[user:password@]a,b,c/master[/database][?sentinel_username=…&sentinel_password=…] (rediss: with TLS)";

const FORM = /^(rediss?:\/\/)([^@/?#]*@)?([^@/?#]+)(\/\d{0,4})?(\?cluster)?$/;
const SENTINEL_FORM =
  /^(rediss?)\+sentinel:\/\/([^@/?#]*@)?([^@/?#]+)\/([\w.-]{1,100})(?:\/(\d{1,4}))?(?:\?([^#]*))?$/;
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i;
const SENTINEL_PORT = 26_379;
const SENTINEL_PARAMETERS = ["sentinel_username", "sentinel_password"];

/** Reads a `REDIS_URL`; undefined when it has none of the forms. */
export function parseRedisUrl(text: string): RedisAddress | undefined {
  if (/^rediss?\+sentinel:/.test(text)) return sentinelOf(text);
  const [, scheme, login = "", hostList = "", database = "", cluster] = FORM.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const hosts = hostList.split(",");
  const urls = hosts.map((host) => `${scheme}${login}${host}${database}`);
  if (!hosts.every((host) => HOST.test(host)) || !urls.every((url) => URL.canParse(url))) return undefined;
  if (cluster !== undefined) return database.length > 1 ? undefined : { kind: "cluster", urls }; // a Redis Cluster has one database
  return hosts.length === 1 ? { kind: "standalone", url: text } : undefined;
}

/** No standard has a URL for Sentinel; this is the form that libraries of several languages read. */
function sentinelOf(text: string): RedisAddress | undefined {
  const [, scheme, login = "", hostList = "", name = "", database, query = ""] =
    SENTINEL_FORM.exec(text) ?? [];
  const hosts = hostList.split(",");
  const urls = hosts.map((host) => `redis://${login}${host}`);
  const parameters = new URLSearchParams(query);
  const known = [...parameters.keys()].every((each) => SENTINEL_PARAMETERS.includes(each));
  if (scheme === undefined || !known) return undefined;
  if (!hosts.every((host) => HOST.test(host)) || !urls.every((url) => URL.canParse(url))) return undefined;
  const { username, password } = new URL(urls[0]!);
  const [sentinelUser, sentinelPassword] = SENTINEL_PARAMETERS.map((each) => parameters.get(each) ?? "");
  return {
    kind: "sentinel",
    sentinels: urls
      .map((url) => new URL(url))
      .map(({ hostname, port }) => ({
        host: hostname.replace(/^\[|\]$/g, ""),
        port: Number(port || SENTINEL_PORT),
      })),
    name,
    login: {
      ...loginOf(decodeURIComponent(username), decodeURIComponent(password)),
      ...(database !== undefined && { db: Number(database) }),
    },
    sentinelLogin: loginOf(sentinelUser!, sentinelPassword!),
    isTls: scheme === "rediss",
  };
}

function loginOf(username: string, password: string): RedisLogin {
  return { ...(username !== "" && { username }), ...(password !== "" && { password }) };
}

/** The hosts of an address, without its password: for a person. */
export function describeRedis(address: RedisAddress): string {
  if (address.kind === "sentinel") {
    const hosts = address.sentinels.map(({ host, port }) => `${host}:${port}`).join(",");
    return `${hosts} (Sentinels of ${address.name})`;
  }
  const urls = address.kind === "standalone" ? [address.url] : address.urls;
  const hosts = urls.map((url) => new URL(url).host).join(",");
  return address.kind === "standalone" ? hosts : `${hosts} (cluster)`;
}
