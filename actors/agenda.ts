/** What is due when, to the second: looking costs what is due and the seconds that anything waits for, not all that waits. */
const SECOND_MS = 1_000;

export class Agenda<T> {
  readonly #bySecond = new Map<number, Set<T>>();
  readonly #secondOf = new Map<T, number>();

  /** The item is due at that time, up to a second late, instead of any time before; undefined: not at all. */
  set(item: T, atMs: number | undefined): void {
    const second = atMs === undefined ? undefined : Math.ceil(atMs / SECOND_MS);
    if (this.#secondOf.get(item) === second) return;
    this.#take(item);
    if (second === undefined) return;
    this.#secondOf.set(item, second);
    const others = this.#bySecond.get(second);
    if (others) others.add(item);
    else this.#bySecond.set(second, new Set([item]));
  }

  /** Takes out everything that is due. */
  takeDue(nowMs: number): T[] {
    const due: T[] = [];
    for (const [second, items] of this.#bySecond) {
      if (second * SECOND_MS > nowMs) continue;
      this.#bySecond.delete(second);
      for (const item of items) this.#secondOf.delete(item);
      due.push(...items);
    }
    return due;
  }

  #take(item: T): void {
    const second = this.#secondOf.get(item);
    if (second === undefined) return;
    this.#secondOf.delete(item);
    const items = this.#bySecond.get(second)!;
    items.delete(item);
    if (items.size === 0) this.#bySecond.delete(second);
  }
}
