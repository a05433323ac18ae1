/** Do Redis and Postgres answer? Looked at every two seconds, so that `health:check` costs nothing; `look` asks at once. */
import type { Cluster, Redis } from "ioredis";

const LOOK_EVERY_MS = 2_000;
const ANSWER_WITHIN_MS = 1_000;

export type StoreWatch = {
  /** As they stood at the last look. */
  readonly redis: boolean;
  readonly postgres: boolean;
  /** Looks now; answers within a second. Never rejects. */
  look(): Promise<{ redis: boolean; postgres: boolean }>;
  stop(): void;
};

export function watchStores(options: { redis: Redis | Cluster; ping(): Promise<boolean> }): StoreWatch {
  let last = { redis: true, postgres: true };
  const look = async () => {
    const [redis, postgres] = await Promise.all([
      withinTime(options.redis.ping().then((answer) => answer === "PONG")),
      withinTime(options.ping()),
    ]);
    last = { redis, postgres };
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
