/** Gathers what one turn of the event loop asks for, so that it becomes one question. */

/**
 * Answers `ask(key)` for every key of a turn by one call of `answer`, with at most `sizeMax` keys; what is more is a
 * call of its own. `answer` returns the values in the order of its keys; when it rejects, all its askers hear it.
 */
export function turnBatch<K, V>(
  sizeMax: number,
  answer: (keys: readonly K[]) => Promise<V[]>,
): (key: K) => Promise<V> {
  type Asker = { key: K; resolve: (value: V) => void; reject: (reason: unknown) => void };
  let waiting: Asker[] = [];

  const settle = async (askers: readonly Asker[]) => {
    try {
      const values = await answer(askers.map((asker) => asker.key));
      for (const [i, asker] of askers.entries()) asker.resolve(values[i] as V);
    } catch (error) {
      for (const asker of askers) asker.reject(error);
    }
  };
  const send = () => {
    const askers = waiting;
    waiting = [];
    for (let i = 0; i < askers.length; i += sizeMax) void settle(askers.slice(i, i + sizeMax));
  };
  return (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(send);
      waiting.push({ key, resolve, reject });
    });
}
