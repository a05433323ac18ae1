/** A page in a terminal, drawn again in place, which leaves the terminal as it was. */
import type { Size } from "./page.ts";

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l"; // the other screen, no cursor, long lines cut
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const REST_OF_LINE = "\u001b[K";
const REST_OF_SCREEN = "\u001b[J";
const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const QUIT = ["q", "Q", CTRL_C, CTRL_D];

export type Screen = {
  size(): Size;
  /** Line over line, without a flicker between. */
  draw(lines: readonly string[]): void;
  /** Leaves the terminal as it was. */
  close(): void;
};

/** Takes the terminal over until `close`, or until a key or a signal ends the process. `onResize`: time to draw again. */
export function openScreen(onResize: () => void): Screen {
  const { stdin, stdout } = process;
  const close = () => {
    process.off("exit", close);
    stdout.off("resize", onResize).write(LEAVE);
    if (stdin.isTTY) stdin.setRawMode(false).off("data", onKey).pause();
  };
  const end = () => process.exit();
  const onKey = (keys: Buffer) => {
    if (QUIT.some((key) => keys.includes(key))) end();
  };
  process.once("exit", close);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, end);
  if (stdin.isTTY) stdin.setRawMode(true).resume().on("data", onKey);
  stdout.on("resize", onResize).write(ENTER);
  return {
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
    draw: (lines) =>
      void stdout.write(`${HOME}${lines.join(`${REST_OF_LINE}\r\n`)}${REST_OF_LINE}${REST_OF_SCREEN}`),
    close,
  };
}
