/** What is in Postgres, so that what left no trace can be shown to have left none. */
import pg from "pg";
import { vi } from "vitest";
import type { World } from "./world.ts";

/** Marks are gathered for a second, flushes for 50 ms, and the machine is shared. */
const FLUSHED_WITHIN_MS = 30_000;
/** Where the projector is, what the search has indexed: they move by themselves. */
const MOVING = ["shards", "cluster", "pgmigrations", "outbox", "search_backlog", "message_search"];

export class Traces {
  readonly #pool: pg.Pool;

  constructor(databaseUrl: string) {
    this.#pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  /**
   * Resolves when Postgres has all that was decided in these channels before. Their owners' delivered marks are the fence, since
   * marks are written last: `behind` events behind the head, one less with each call.
   */
  async settled(worlds: readonly World[], behind: number): Promise<void> {
    const fences = await Promise.all(
      worlds.map(async ({ owner, channelId }) => {
        const seq = (await seqOf({ owner, channelId })) - behind;
        const marked = await owner.ask("channel:delivered", { channelId, seq });
        if (marked.code !== "ok") throw new Error(`an owner could not mark: ${marked.text}`);
        return [channelId, owner.userId, seq] as const;
      }),
    );
    const values = [0, 1, 2].map((i) => fences.map((fence) => fence[i]!));
    await vi.waitUntil(
      async () => {
        const { rows } = await this.#pool.query(
          `select count(*)::int as lacking
           from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as f (channel_id, user_id, seq)
           left join channel_members m using (channel_id, user_id)
           where coalesce(m.delivered_seq, 0) < f.seq`,
          values,
        );
        return rows[0].lacking === 0;
      },
      { timeout: FLUSHED_WITHIN_MS, interval: 50 },
    );
  }

  /** Every row of every table but the moving ones, sorted; without the marks that are the fence. */
  async all(): Promise<string[]> {
    const { rows } = await this.#pool.query(
      `select relname as name from pg_class
       where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition
       and relname <> all($1)`,
      [MOVING],
    );
    const tables = await Promise.all(
      rows.map(async ({ name }) => {
        const found = await this.#pool.query(
          `select (to_jsonb(t) - 'delivered_seq')::text as row from ${pg.escapeIdentifier(name)} t`,
        );
        return found.rows.map(({ row }) => `${name} ${row}`);
      }),
    );
    return tables.flat().sort();
  }
}

/** The head of the channel, as its owner has it. */
export async function seqOf({ owner, channelId }: Pick<World, "owner" | "channelId">): Promise<number> {
  const { channel } = await owner.does<{ channel: { seq: number } }>("GET", `/channels/${channelId}`);
  return channel.seq;
}
