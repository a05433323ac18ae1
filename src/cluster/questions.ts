/** Questions to other nodes that nobody minds losing: answered, unheard, or given up after a while. */

export class Questions<T> {
  readonly #open = new Map<number, { resolve: (value: T | undefined) => void; timer: NodeJS.Timeout }>();
  #lastId = 0;

  /** `send` puts the question on its way under this id. Resolves to undefined without an answer in time. Never rejects. */
  ask(withinMs: number, send: (id: number) => void): Promise<T | undefined> {
    const id = ++this.#lastId;
    return new Promise((resolve) => {
      this.#open.set(id, { resolve, timer: setTimeout(() => this.#close(id, undefined), withinMs) });
      send(id);
    });
  }

  answered(id: number, value: T): void {
    this.#close(id, value);
  }

  /** Nobody heard it. */
  unheard(id: number): void {
    this.#close(id, undefined);
  }

  stop(): void {
    for (const id of [...this.#open.keys()]) this.#close(id, undefined);
  }

  #close(id: number, value: T | undefined): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    clearTimeout(open?.timer);
    open?.resolve(value);
  }
}
