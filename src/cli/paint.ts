/** Colour, where it helps a person at a terminal, and nowhere else. */
import { styleText } from "node:util";

export type Tone = "bold" | "dim" | "good" | "warn" | "bad";

/** The text in that tone, or as it is. */
export type Paint = (tone: Tone, text: string) => string;

const STYLES = { bold: "bold", dim: "gray", good: "green", warn: "yellow", bad: ["red", "bold"] } as const;

export const plain: Paint = (_, text) => text;

export const coloured: Paint = (tone, text) => styleText(STYLES[tone], text, { validateStream: false });

/** `NO_COLOR` and a terminal without colours count as none. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return stream.isTTY && stream.hasColors() ? coloured : plain;
}
