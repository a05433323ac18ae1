/** The forms of `REDIS_URL`. */

/** A single server, or some masters of a Redis Cluster to begin with. */
export type RedisTarget = { kind: "standalone"; url: string } | { kind: "cluster"; urls: readonly string[] };

/** Shown where a URL is refused. Sentinel's form is refused: this version does not offer it. */
export const REDIS_URL_FORM =
  "redis://[user:password@]host[:port][/database] or redis://[user:password@]a,b,c?cluster (rediss: with TLS)";

const FORM = /^(rediss?:\/\/)([^@/?#]*@)?([^@/?#]+)(\/\d{0,4})?(\?cluster)?$/;
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i;

/** Reads a `REDIS_URL`; undefined when it has none of the forms. */
export function parseRedisUrl(text: string): RedisTarget | undefined {
  const [, scheme, login = "", hostList = "", database = "", cluster] = FORM.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const hosts = hostList.split(",");
  const urls = hosts.map((host) => `${scheme}${login}${host}${database}`);
  if (!hosts.every((host) => HOST.test(host)) || !urls.every((url) => URL.canParse(url))) return undefined;
  if (cluster !== undefined) return database.length > 1 ? undefined : { kind: "cluster", urls }; // a Redis Cluster has one database
  return hosts.length === 1 ? { kind: "standalone", url: text } : undefined;
}

/** The hosts of a target, without its password: for a person. */
export function describeRedis(target: RedisTarget): string {
  const urls = target.kind === "standalone" ? [target.url] : target.urls;
  const hosts = urls.map((url) => new URL(url).host).join(",");
  return target.kind === "standalone" ? hosts : `${hosts} (cluster)`;
}
