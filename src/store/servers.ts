/** The servers of a database, of which one is used at a time: all pools that share a `Servers` agree on which. */
import pg from "pg";
import { assert } from "../lib/assert.ts";
import { databaseUrls } from "../lib/database-urls.ts";

/** It answers, and takes no writes as long as it follows another. */
export class Standby extends Error {
  override name = "Standby";
}

/** `primary`: the one that follows no other. `any`: the first that answers. */
export type Wanted = "primary" | "any";

export class Servers {
  readonly #urls: readonly string[];
  readonly #wanted: Wanted;
  #current = 0;

  constructor(databaseUrl: string, wanted: Wanted = "primary") {
    const urls = databaseUrls(databaseUrl);
    assert(urls !== undefined, "the database's URL was checked where it was read");
    this.#urls = urls;
    this.#wanted = wanted;
  }

  get count(): number {
    return this.#urls.length;
  }

  /** Of the server in use, or of the one that is tried next. */
  get url(): string {
    return this.#urls[this.#current]!;
  }

  /** The server of `url` cannot be used: the next one is tried, unless somebody else has found that already. */
  pass(url: string): void {
    if (url === this.url) this.#current = (this.#current + 1) % this.#urls.length;
  }

  /**
   * Rejects with `Standby` where `client` is connected to one of several servers that is not the one wanted. A single server
   * is used as it is: what it refuses, it says itself.
   */
  async check(client: pg.ClientBase): Promise<void> {
    if (this.count === 1 || this.#wanted === "any") return;
    const { rows } = await client.query("select pg_is_in_recovery() as follows");
    if (rows[0].follows) throw new Standby("this server is a standby");
  }
}

/** One connection to the server wanted, each tried once. Rejects with the last one's error. */
export async function connectTo(servers: Servers, config: pg.ClientConfig): Promise<pg.Client> {
  for (let tries = 1; ; tries++) {
    const { url } = servers;
    const client = new pg.Client({ ...config, connectionString: url });
    // Without a listener a connection cut between two statements would end the process; the next statement rejects anyway.
    client.on("error", () => {});
    try {
      await client.connect();
      await servers.check(client);
      return client;
    } catch (error) {
      await client.end().catch(() => {}); // never connected
      servers.pass(url);
      if (tries >= servers.count) throw error;
    }
  }
}
