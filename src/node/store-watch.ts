/** Do Redis and Postgres answer? Looked at every two seconds, so that `health:check` costs nothing; `look` asks at once. */
import type { Logger } from "../telemetry/logger.ts";

const LOOK_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 1_000;

/** What an operator must know when it does not answer: what still works, and what to do. */
const AWAY = {
  redis: "Redis does not answer: nothing is confirmed until it does. See that it runs and REDIS_URL is right",
  postgres:
    "Postgres does not answer: messages wait in the log, and what must be read is refused. See that it runs and DATABASE_URL is right",
} as const;
const BACK = { redis: "Redis answers again", postgres: "Postgres answers again" } as const;

type StoreName = keyof typeof AWAY;

export type StoreWatch = {
  /** As they stood at the last look. */
  readonly redis: boolean;
  readonly postgres: boolean;
  /** Looks now; answers within a second. Never rejects. */
  look(): Promise<{ redis: boolean; postgres: boolean }>;
  stop(): void;
};

export type StoreWatchOptions = {
  redis: { ping(): Promise<string> };
  ping(): Promise<boolean>;
  logger: Logger;
};

export function watchStores(options: StoreWatchOptions): StoreWatch {
  let last = { redis: true, postgres: true };
  const tell = { redis: teller("redis", options.logger), postgres: teller("postgres", options.logger) };
  const look = async () => {
    const [redis, postgres] = await Promise.all([
      withinTime(options.redis.ping().then((answer) => answer === "PONG")),
      withinTime(options.ping()),
    ]);
    last = { redis, postgres };
    tell.redis(redis);
    tell.postgres(postgres);
    return last;
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  timer.unref();
  return {
    get redis() {
      return last.redis;
    },
    get postgres() {
      return last.postgres;
    },
    look,
    stop: () => clearInterval(timer),
  };
}

/** Says once that a store is away, at the second look that finds it so (one late answer is worth no line), and once that it is back. */
function teller(store: StoreName, logger: Logger): (answers: boolean) => void {
  let misses = 0;
  let sinceMs = 0;
  return (answers) => {
    if (answers) {
      if (misses > 1) logger.info({ awayMs: Math.round(performance.now() - sinceMs) }, BACK[store]);
      misses = 0;
      return;
    }
    if (misses === 0) sinceMs = performance.now();
    misses++;
    if (misses === 2) logger.error(AWAY[store]);
  };
}

/** False when it rejects or takes longer than a second: a store that is late is away for whoever asks here. */
function withinTime(answer: Promise<boolean>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ANSWER_WITHIN_MS);
    answer
      .then(
        (value) => resolve(value),
        () => resolve(false),
      )
      .finally(() => clearTimeout(timer));
  });
}
