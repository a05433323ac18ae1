/** TCP proxies before the nodes, in a process of their own: through them the way of a client to its node can be cut. */
import { fileURLToPath } from "node:url";
import { type Child, startChild } from "./child.ts";

/** `count` doors, in turn before each of the `targets`. */
export type DoorsOptions = { targets: string[]; count: number };
export type AskedOfDoors =
  | { open: DoorsOptions }
  | { begin: { everyMs: number; awayMs: number } }
  | { end: true };
export type SaidByDoors = { urls: string[] } | { cuts: number } | { error: string };

const FILE = fileURLToPath(new URL("./doors-process.ts", import.meta.url));

export class Doors {
  /** One address per door. */
  readonly urls: readonly string[];
  readonly #child: Child<AskedOfDoors, SaidByDoors>;

  private constructor(child: Child<AskedOfDoors, SaidByDoors>, urls: readonly string[]) {
    this.#child = child;
    this.urls = urls;
  }

  static async open(options: DoorsOptions): Promise<Doors> {
    const child = startChild<AskedOfDoors, SaidByDoors>(FILE);
    const said = await child.ask({ open: options });
    if (!("urls" in said)) throw new Error("the doors answered something else");
    return new Doors(child, said.urls);
  }

  /** Each is cut every `everyMs`, and stays so for `awayMs`: its connections are reset, and new ones too. */
  async begin(everyMs: number, awayMs: number): Promise<void> {
    await this.#child.ask({ begin: { everyMs, awayMs } });
  }

  /** All are whole again, and stay so. Answers how many connections were cut. */
  async end(): Promise<number> {
    const said = await this.#child.ask({ end: true });
    return "cuts" in said ? said.cuts : 0;
  }

  stop(): void {
    this.#child.stop();
  }
}
