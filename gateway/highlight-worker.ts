/** The thread on which code is coloured: a grammar may take seconds over 16,000 hostile characters. See `highlighting.ts`. */
import { parentPort } from "node:worker_threads";
import hljs from "highlight.js/lib/common";
import { CODE_CLOSING, codeOpening, sanitise } from "./sanitising.ts";

/** Characters of coloured code at most: real code grows by 3 to 5, and every reader and the log carry it. */
const HTML_MAX = 131_072;

export type Snippet = { code: string; language: string };
/** `ready` once, then one answer per snippet, in order; undefined: shown as it was written. */
export type Coloured = { ready: true } | { html: string | undefined };

function colour({ code, language }: Snippet): string | undefined {
  if (!hljs.getLanguage(language)) return undefined;
  const { value } = hljs.highlight(code, { language, ignoreIllegals: true });
  if (value.length > HTML_MAX) return undefined;
  return sanitise(`${codeOpening(language)}${value}${CODE_CLOSING}`);
}

parentPort?.on("message", (snippet: Snippet) => say({ html: colour(snippet) }));
say({ ready: true });

function say(coloured: Coloured): void {
  parentPort?.postMessage(coloured);
}
