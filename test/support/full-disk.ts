/** Disks without room, as the servers themselves tell of them. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { withAdmin } from "./postgres.ts";
import type { TestRedis } from "./redis.ts";

/** Writes of the tables that the projector fills fail with the error of a disk without room (53100). */
const FILL = `create function no_room() returns trigger language plpgsql as
  $$ begin raise exception using errcode = '53100', message = 'could not extend file: No space left on device'; end $$;
  create trigger no_room before insert or update on messages for each statement execute function no_room();
  create trigger no_room before insert or update on channels for each statement execute function no_room();`;

/** `work` runs while this database has no room; it has some again when the answer is there. */
export async function whilePostgresIsFull(databaseUrl: string, work: () => Promise<void>): Promise<void> {
  await withAdmin(databaseUrl, (admin) => admin.query(FILL));
  try {
    await work();
  } finally {
    await withAdmin(databaseUrl, (admin) => admin.query("drop function no_room cascade"));
  }
}

/** `work` runs while this Redis cannot write a snapshot, and therefore refuses every write (MISCONF). */
export async function whileRedisDiskIsFull(
  { url, dir }: TestRedis,
  work: () => Promise<void>,
): Promise<void> {
  // A folder where the snapshot belongs: nobody, not even root, can rename a file over it.
  const inTheWay = join(dir, "dump.rdb");
  const redis = new Redis(url);
  try {
    mkdirSync(inTheWay);
    writeFileSync(join(inTheWay, "taken"), "");
    await redis.config("SET", "save", "3600 1");
    await redis.bgsave();
    await work();
  } finally {
    await redis.config("SET", "save", "");
    rmSync(inTheWay, { recursive: true, force: true });
    redis.disconnect();
  }
}
