/** What `npm start` tells the person at the terminal: one line per step, with the time since the start. */

export type Say = (line: string) => void;

/** Lines on stdout. With `NO_COLOR`, or when it is no terminal, without colour. */
export function createSay(): Say {
  const coloured = process.stdout.isTTY && process.env.NO_COLOR === undefined;
  return (line) => {
    const seconds = `${(performance.now() / 1_000).toFixed(2).padStart(6)} s`;
    console.log(`${coloured ? `\u001b[2m${seconds}\u001b[22m` : seconds}  ${line}`);
  };
}
