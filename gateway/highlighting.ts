/**
 * Code in colours (row C4): classes of highlight.js, made and sanitised on a thread of their own, since neither it nor any
 * other highlighter keeps to a few milliseconds. What takes too long is shown without colours; nobody waits for it.
 */
import { Worker } from "node:worker_threads";
import type { Coloured, Snippet } from "./highlight-worker.ts";
import { LANGUAGE } from "./sanitising.ts";

/** Time for one snippet, milliseconds. 16,000 characters of TypeScript took 10 to 25, the first time 85; hostile ones 1,900. */
const WORK_MAX_MS = 500;
/** Time for the thread to start, milliseconds: 100 to 300 on an idle machine. A send is answered within 5 s. */
const START_MAX_MS = 3_000;
/** After a thread was ended there is none for so long, milliseconds: whoever sends such code costs a sixth of a core at most. */
const REST_MS = 4_000;
/** Snippets that wait at once; more are shown without colours. */
const WAITING_MAX = 16;

type Job = Snippet & { resolve(html: string | undefined): void };
/** Limits for tests; defaults above. */
export type HighlighterOptions = { workMaxMs?: number; restMs?: number };

/** One thread, started with the first snippet and kept. It does not keep the process alive. */
export class Highlighter {
  readonly #workMaxMs: number;
  readonly #restMs: number;
  readonly #waiting: Job[] = [];
  /** The one that the thread has. */
  #current: Job | undefined;
  #worker: Worker | undefined;
  #isReady = false;
  #deadline: NodeJS.Timeout | undefined;
  /** Monotonic milliseconds. */
  #restUntilMs = 0;

  constructor({ workMaxMs = WORK_MAX_MS, restMs = REST_MS }: HighlighterOptions = {}) {
    this.#workMaxMs = workMaxMs;
    this.#restMs = restMs;
  }

  /** The snippet as sanitised HTML, `<pre>` and all; undefined: an unknown language, or it would take too long. Never rejects. */
  highlight(code: string, language: string): Promise<string | undefined> {
    const isBusy = this.#waiting.length >= WAITING_MAX || performance.now() < this.#restUntilMs;
    if (isBusy || !LANGUAGE.test(language)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.push({ code, language, resolve });
      this.#next();
    });
  }

  /** Ends the thread; what waits is shown without colours. The next snippet starts another. */
  close(): void {
    clearTimeout(this.#deadline);
    const worker = this.#worker;
    this.#worker = undefined;
    this.#isReady = false;
    void worker?.terminate();
    const left = [this.#current, ...this.#waiting.splice(0)];
    this.#current = undefined;
    for (const job of left) job?.resolve(undefined);
  }

  #next(): void {
    if (this.#current) return;
    this.#current = this.#waiting.shift();
    if (this.#current === undefined) return;
    const { code, language } = this.#current;
    const worker = this.#started();
    worker.postMessage({ code, language } satisfies Snippet);
    this.#expectWithin(this.#isReady ? this.#workMaxMs : START_MAX_MS);
  }

  #started(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL("./highlight-worker.ts", import.meta.url));
    worker.unref();
    this.#worker = worker;
    worker.on("message", (said: Coloured) => {
      if (this.#worker === worker) this.#hear(said);
    });
    for (const end of ["error", "exit"] as const)
      worker.on(end, () => {
        if (this.#worker === worker) this.#giveUp();
      });
    return worker;
  }

  #hear(said: Coloured): void {
    if ("ready" in said) {
      this.#isReady = true;
      this.#expectWithin(this.#workMaxMs);
      return;
    }
    clearTimeout(this.#deadline);
    const job = this.#current;
    this.#current = undefined;
    job?.resolve(said.html);
    this.#next();
  }

  /** Timers run before messages are read: a turn that this thread was late itself is not counted against the other. */
  #expectWithin(ms: number): void {
    clearTimeout(this.#deadline);
    const job = this.#current;
    const end = () => {
      if (this.#current === job) this.#giveUp();
    };
    this.#deadline = setTimeout(() => setImmediate(end), ms);
  }

  #giveUp(): void {
    this.#restUntilMs = performance.now() + this.#restMs;
    this.close();
  }
}
