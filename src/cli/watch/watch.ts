/** Asks a cluster every second and shows what it makes of the answers, until `q` or Ctrl-C. */
import { setTimeout as sleep } from "node:timers/promises";
import { Trouble } from "../../lib/trouble.ts";
import { type Paint, paintFor, plain } from "../paint.ts";
import type { Size } from "./page.ts";
import { openScreen } from "./screen.ts";

const EVERY_MS = 1_000;
/** Of a page that goes into a file or a pipe. */
const UNBOUNDED: Size = { columns: Number.POSITIVE_INFINITY, rows: Number.POSITIVE_INFINITY };

export type Watched<T> = {
  ask: () => Promise<T>;
  /** The answer, or in words why there is none: the page goes on with what it knows. */
  take: (answer: T | string, atMs: number) => void;
  page: (size: Size, nowMs: number, paint: Paint) => readonly string[];
};

/** With `json`, a line for each answer; into a file or a pipe, a page below the other. */
export function watch<T>(watched: Watched<T>, { json = false }: { json?: boolean }): Promise<never> {
  if (json) return printAnswers(watched.ask);
  if (process.stdout.isTTY) return keepDrawing(watched);
  return printPages(watched);
}

async function printAnswers<T>(ask: () => Promise<T>): Promise<never> {
  for (;;) {
    const answer = await answerOf(ask);
    console.log(JSON.stringify(typeof answer === "string" ? { error: answer } : answer));
    await sleep(EVERY_MS);
  }
}

async function printPages<T>({ ask, take, page }: Watched<T>): Promise<never> {
  for (;;) {
    take(await answerOf(ask), Date.now());
    console.log(`${page(UNBOUNDED, Date.now(), plain).join("\n")}\n`);
    await sleep(EVERY_MS);
  }
}

/** Until a key or a signal ends the process. */
async function keepDrawing<T>({ ask, take, page }: Watched<T>): Promise<never> {
  const paint = paintFor(process.stdout);
  const screen = openScreen(() => draw());
  const draw = () => screen.draw(page(screen.size(), Date.now(), paint));
  try {
    for (;;) {
      take(await answerOf(ask), Date.now());
      draw();
      await sleep(EVERY_MS);
    }
  } finally {
    screen.close(); // what went wrong is not printed on a screen that goes away
  }
}

async function answerOf<T>(ask: () => Promise<T>): Promise<T | string> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Trouble) return error.message;
    throw error;
  }
}
