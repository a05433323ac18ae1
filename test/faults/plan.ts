/** What one run does, drawn from its seed: the same seed and faults give the same plan, for ever and on any machine. */

/** Numbers that only the seed decides. */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 2³² − 1 (Mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + (this.next() % (most - least + 1));
  }

  oneOf<T>(things: readonly T[]): T {
    return things[this.next() % things.length]!;
  }

  shuffled<T>(things: readonly T[]): T[] {
    const left = [...things];
    return things.map(() => left.splice(this.next() % left.length, 1)[0]!);
  }
}

/** `faults` begin in this order, each `afterMs` behind the one before, while those before may still be under way. */
export type Plan = {
  seed: number;
  faults: readonly { name: string; afterMs: number; draw: number }[];
};

/** Two faults of one run meet: the second begins while the first works. Longer than a lease's renewal, shorter than the lease. */
const NEXT_WITHIN_MS = 4_000;

export function planOf(seed: number, names: readonly string[]): Plan {
  const draw = new Draw(seed);
  const faults = names.map((name, i) => ({
    name,
    afterMs: i === 0 ? 0 : draw.between(0, NEXT_WITHIN_MS),
    draw: draw.next(),
  }));
  return { seed, faults };
}

/** `seed` and `seed + 1` … , each with every one of these. */
export function plansOf(seeds: readonly number[], sets: readonly (readonly string[])[]): Plan[] {
  return seeds.flatMap((seed) => sets.map((names) => planOf(seed, names)));
}

/** `rounds` faults, one run each, chosen by the seed. */
export function drawnPlans(seed: number, rounds: number, names: readonly string[]): Plan[] {
  const draw = new Draw(seed);
  return Array.from({ length: rounds }, () => planOf(seed, [draw.oneOf(names)]));
}

export const namesOf = (plan: Plan): string => plan.faults.map(({ name }) => name).join(",");

/** What to type to see the same run again. */
export function replayOf(plan: Plan): string {
  return `npm run test:faults -- --seed ${plan.seed} --faults ${namesOf(plan)}`;
}
