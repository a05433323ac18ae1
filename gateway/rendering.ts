/**
 * Markdown to HTML that is safe to show (rule H6): markdown-it without raw HTML, then sanitize-html as a second wall
 * that knows nothing of the first. Mentions are found here and nowhere else, so code and links hold none by accident.
 */
import MarkdownIt, { type StateInline, type Token } from "markdown-it";
import type { Mention } from "../protocol/message.ts";
import type { User } from "../protocol/users.ts";
import type { Snippet } from "./highlight-worker.ts";
import { CODE_CLOSING, codeOpening, LANGUAGE, LINK_REL, LINK_SCHEMES, sanitise } from "./sanitising.ts";

/**
 * Text with more signs of markup, or more addresses and mentions, is shown as it was written: every sender shares the
 * gateway's one thread. So 4,000 characters of the worst shapes stay near 3 ms (4,000 letters: 0.2 ms), where links
 * would take 7 and a table 8; measured on one core of a 2-core VM.
 */
export const MARKUP_MAX = 1_000;
export const ADDRESSES_MAX = 100;
const MARKUP = /[*_~`[\]()<>!\\|&\n]/g;
const ADDRESS = /@|:\/\//g;

/** One line of words, which Markdown leaves as they are: most of what people say, at a tenth of a parser's time. */
const PLAIN = /^(?!\d{1,9}\.)[\p{L}\p{N}](?:[\p{L}\p{M}\p{N},!?; ]|\.(?= |$|\d))*(?<! )$/u;

/** Nested quotes and lists at most; deeper ones are cut by the parser. */
const NESTING_MAX = 20;
/** Names that one message may mention: more are left as text. */
export const MENTIONS_MAX = 50;

/** What `parseText` hands to the renderer's rules. */
type RenderEnv = { users: Map<string, User> };

/** `@` and a username, or the start of one: full stops and hyphens may be the sentence's. */
const MENTION = /@([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,30}[A-Za-z0-9_])?)/y;
const BEFORE_MENTION = /[\p{L}\p{N}_@/.-]/u;
const FOR_ALL = new Set(["everyone", "here"]);

const markdown = new MarkdownIt({
  html: false,
  linkify: true,
  breaks: true,
  typographer: false,
  maxNesting: NESTING_MAX,
});
// A picture would be loaded by every reader from wherever the author says.
markdown.disable("image");
markdown.validateLink = (url) => {
  const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(url)?.[1];
  return scheme !== undefined && LINK_SCHEMES.includes(scheme.toLowerCase());
};
markdown.renderer.rules.link_open = (tokens, index, options, _env, self) => {
  tokens[index]!.attrSet("rel", LINK_REL);
  tokens[index]!.attrSet("target", "_blank");
  return self.renderToken(tokens, index, options);
};
markdown.inline.ruler.before("link", "mention", readMention);
markdown.renderer.rules.mention = (tokens, index, _options, env) =>
  mentionHtml(tokens[index]!.content, (env as RenderEnv).users);

/** A message, parsed: the names it may mention, the code that it holds, and `render` once it is known what they are. */
export type Parsed = {
  names: string[];
  /** Fenced blocks that name a language, in the order of the text. */
  snippets: Snippet[];
  /** `coloured`: for each of `snippets` its HTML, or undefined where it stays as it was written. */
  render(
    users: readonly User[],
    coloured?: readonly (string | undefined)[],
  ): { html: string; mentions: Mention[] };
};

/** Parses `content` once. `render` takes the users among `names` that exist; it keeps the order of the text. */
export function parseText(content: string): Parsed {
  return PLAIN.test(content) ? asPlain(content) : parseMarkdown(content);
}

function asPlain(content: string): Parsed {
  return { names: [], snippets: [], render: () => ({ html: plainHtml(content), mentions: [] }) };
}

/** As `parseText`, without its short way for words alone. */
export function parseMarkdown(content: string): Parsed {
  if (isTooRich(content)) return asPlain(content);
  const tokens = markdown.parse(content, {});
  const found = mentionTokens(tokens);
  const names = new Set<string>();
  for (const token of found) {
    for (const name of candidates(token.content)) if (names.size < MENTIONS_MAX) names.add(name);
  }
  return {
    names: [...names].filter((name) => !FOR_ALL.has(name)),
    snippets: snippetsOf(tokens),
    render: (users, coloured = []) => {
      const byName = new Map(users.map((user) => [user.username.toLowerCase(), user]));
      const html = markdown.renderer.render(tokens, markdown.options, { users: byName });
      return { html: withColours(sanitise(html).trim(), coloured), mentions: mentionsOf(found, byName) };
    },
  };
}

/** A message of type `code`, as it was written. */
export function codeHtml(code: string, language: string | undefined): string {
  return `${codeOpening(language)}${markdown.utils.escapeHtml(code)}${CODE_CLOSING}`;
}

/** The first word after a fence names its language. */
function snippetsOf(tokens: readonly Token[]): Snippet[] {
  return tokens
    .filter((token) => token.type === "fence")
    .map((token) => ({ code: token.content, language: languageOf(token) }))
    .filter(({ language }) => LANGUAGE.test(language));
}

function languageOf({ info }: Token): string {
  return markdown.utils.unescapeAll(info).trim().split(/\s+/)[0]!;
}

/** A block of code with a language: nobody writes these tags but we, since what people write is escaped. */
const CODE_BLOCK = /<pre><code class="language-[^"]*">[^<]*<\/code><\/pre>/g;

/** Puts coloured blocks, which passed the wall by themselves, in the places of those that were written. */
function withColours(html: string, coloured: readonly (string | undefined)[]): string {
  if (coloured.every((each) => each === undefined)) return html;
  // Should the wall ever have taken a block away, colours would go to the wrong ones.
  if (html.match(CODE_BLOCK)?.length !== coloured.length) return html;
  let at = 0;
  return html.replace(CODE_BLOCK, (written) => coloured[at++] ?? written);
}

function isTooRich(content: string): boolean {
  return (
    (content.match(MARKUP)?.length ?? 0) > MARKUP_MAX || (content.match(ADDRESS)?.length ?? 0) > ADDRESSES_MAX
  );
}

function plainHtml(content: string): string {
  return `<p>${markdown.utils.escapeHtml(content).replaceAll("\n", "<br>\n")}</p>`;
}

/** markdown-it's rule for `@name`: not inside a word or an address. Code never reaches inline rules. */
function readMention(state: StateInline, silent: boolean): boolean {
  if (state.src.charCodeAt(state.pos) !== 0x40) return false;
  if (state.pos > 0 && BEFORE_MENTION.test(state.src[state.pos - 1]!)) return false;
  MENTION.lastIndex = state.pos;
  const name = MENTION.exec(state.src)?.[1];
  if (name === undefined || state.pos + 1 + name.length > state.posMax) return false;
  if (!silent) state.push("mention", "", 0).content = name;
  state.pos += 1 + name.length;
  return true;
}

function mentionTokens(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token) => [
    ...(token.type === "mention" ? [token] : []),
    ...mentionTokens(token.children ?? []),
  ]);
}

/** Usernames that `@written` may mean, in lower case, longest first: `ann.` of a sentence's end, `ann-made`. */
function candidates(written: string): string[] {
  const names = [written.toLowerCase()];
  for (let end = written.length - 1; end > 0; end--) {
    if (/[.-]/.test(written[end]!) && !/[.-]/.test(written[end - 1]!))
      names.push(written.slice(0, end).toLowerCase());
  }
  return names;
}

/** The longest name that is someone's (or everyone's), and how much of the text it takes. */
function resolve(
  written: string,
  users: Map<string, User>,
): { length: number; mention: Mention } | undefined {
  for (const name of candidates(written)) {
    if (FOR_ALL.has(name)) return { length: name.length, mention: { kind: name as "everyone" | "here" } };
    const user = users.get(name);
    if (user) return { length: name.length, mention: { kind: "user", userId: user.id } };
  }
  return undefined;
}

function mentionHtml(written: string, users: Map<string, User>): string {
  const found = resolve(written, users);
  const { escapeHtml } = markdown.utils;
  if (!found) return escapeHtml(`@${written}`);
  const person = found.mention.userId ? ` data-user-id="${found.mention.userId}"` : "";
  return `<span class="mention"${person}>${escapeHtml(`@${written.slice(0, found.length)}`)}</span>${escapeHtml(written.slice(found.length))}`;
}

/** Each person or group once, in the order of the text. */
function mentionsOf(tokens: readonly Token[], users: Map<string, User>): Mention[] {
  const mentions = new Map<string, Mention>();
  for (const token of tokens) {
    const mention = resolve(token.content, users)?.mention;
    if (mention) mentions.set(mention.userId ?? mention.kind, mention);
  }
  return [...mentions.values()];
}
