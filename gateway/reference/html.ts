/** HTML made of templates in which every text is escaped, unless it is HTML already. */
export type Html = { readonly html: string };
type Part = string | number | Html | readonly Html[] | undefined | false;

const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** `undefined` and `false` are nothing. */
export function html(texts: TemplateStringsArray, ...parts: Part[]): Html {
  return { html: texts.reduce((whole, text, i) => whole + show(parts[i - 1]) + text) };
}

function show(part: Part): string {
  if (part === undefined || part === false) return "";
  if (typeof part === "object") return "html" in part ? part.html : part.map(({ html }) => html).join("");
  return String(part).replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!);
}
