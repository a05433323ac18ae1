import { pino } from "pino";
import { afterEach, expect, it } from "vitest";
import { type StoreWatch, watchStores } from "./store-watch.ts";

let watch: StoreWatch | undefined;
afterEach(() => watch?.stop());

it("says once that a store is away and once that it is back, and nothing of a single late answer", async () => {
  const lines: string[] = [];
  let redisAnswers = true;
  let postgresAnswers = true;
  watch = watchStores({
    redis: { ping: async () => (redisAnswers ? "PONG" : Promise.reject(new Error("closed"))) },
    ping: async () => postgresAnswers,
    logger: pino({ level: "info" }, { write: (line) => void lines.push(line) }),
  });
  const said = () =>
    lines.splice(0).map((line) => {
      const { level, msg } = JSON.parse(line) as { level: number; msg: string };
      return `${level} ${msg.split(":")[0]}`;
    });

  redisAnswers = false;
  expect(await watch.look()).toEqual({ redis: false, postgres: true });
  redisAnswers = true;
  await watch.look();
  expect(said()).toEqual([]);

  redisAnswers = false;
  for (let i = 0; i < 4; i++) await watch.look();
  expect(said()).toEqual(["50 Redis does not answer"]);
  redisAnswers = true;
  postgresAnswers = false;
  await watch.look();
  await watch.look();
  expect(said()).toEqual(["30 Redis answers again", "50 Postgres does not answer"]);
  postgresAnswers = true;
  await watch.look();
  expect(said()).toEqual(["30 Postgres answers again"]);
});
