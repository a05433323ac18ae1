/** Keeps a node's copy of the table fresh: read when a new version is announced, when someone knows of one, and every 2 s. */
import type { Logger } from "pino";
import type { Control } from "./control.ts";
import type { PlacementTable } from "./placement-table.ts";

/** Announcements can be lost. */
const READ_EVERY_MS = 2_000;

export class TableReader {
  readonly #control: Control;
  readonly #table: PlacementTable;
  readonly #logger: Logger;
  #reading: Promise<number | undefined> | undefined;
  #next: Promise<number | undefined> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(control: Control, table: PlacementTable, logger: Logger) {
    this.#control = control;
    this.#table = table;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = setInterval(() => void this.read(), READ_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A version has been announced. */
  announced(version: number): void {
    if (!(version <= this.#table.version)) void this.read();
  }

  /**
   * Reads once more, beginning after this call; calls meanwhile share the read that follows. Resolves to the version that
   * Redis holds, undefined when it did not answer. Never rejects.
   */
  read(): Promise<number | undefined> {
    if (this.#reading === undefined) return this.#begin();
    this.#next ??= this.#reading.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<number | undefined> {
    this.#reading = this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<number | undefined> {
    let hash: Record<string, string>;
    try {
      hash = await this.#control.readTable();
    } catch (error) {
      // Redis is away, which the lease reports; known owners go on.
      this.#logger.debug({ err: error }, "placement: the table cannot be read");
      return undefined;
    }
    return this.#table.take(hash);
  }
}
