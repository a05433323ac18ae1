/** Fenced blocks of a page, in order: what a document shows, a test can run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..", "..");

export type Block = {
  /** The first word after the fence: `sh`, `text`, `js`. */
  language: string;
  /** The words after it. */
  words: string[];
  text: string;
  /** Of its first line within the page, from 1. */
  line: number;
};

/** A file of the checkout, by its path from the root. */
export function readPage(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+)([^\n]*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1]!,
    words: match[2]!.split(" ").filter(Boolean),
    text: match[3]!,
    line: page.slice(0, match.index).split("\n").length + 1,
  }));
}

/** Does a page's `shown` text fit what was printed? `…` stands for anything within a line. */
export function fits(shown: string, printed: string): boolean {
  const pattern = shown
    .trim()
    .split("…")
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[^\\n]*");
  return new RegExp(`^${pattern}$`).test(printed.trim());
}
