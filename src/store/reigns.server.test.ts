import { afterAll, beforeAll, expect, test } from "vitest";
import { migratedDatabase } from "../../test/support/servers.ts";
import { openTestStore, type TestStore } from "./test-store.ts";

let store: TestStore;

beforeAll(async () => {
  store = openTestStore(await migratedDatabase());
});
afterAll(() => store.close());

test("rule L2: twenty claims of one shard at once all differ, and grow above what the log has seen", async () => {
  const claims = await Promise.all(Array.from({ length: 20 }, () => store.reigns.claim(77, 40)));
  expect(claims.map(({ epoch }) => epoch).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, i) => 41 + i),
  );
  expect(claims[0]?.flushed).toEqual([0, 0]);
  expect((await store.reigns.claim(77, 3)).epoch).toBe(61);
  expect((await store.reigns.claim(77, 100)).epoch).toBe(101);
});

test("rule L3: only the last epoch drawn stands; all shards of a turn are one question", async () => {
  const { epoch } = await store.reigns.claim(78, 0);
  const before = await store.statements("write");
  const answers = await Promise.all([
    store.reigns.stands(78, epoch),
    store.reigns.stands(78, epoch - 1),
    store.reigns.stands(79, 1),
  ]);
  expect(answers).toEqual([true, false, false]);
  expect((await store.statements("write")) - before).toBe(1);
});
