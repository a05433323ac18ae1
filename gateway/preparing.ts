/** From a request to send to what the channel's actor takes: rendered, its mentions found, its hash taken (rule H6). */
import { createHash } from "node:crypto";
import type { PreparedMessage } from "../actors/commands.ts";
import type { Mention, Message } from "../protocol/message.ts";
import { type Refused, refused } from "../protocol/refusals.ts";
import { lengthFits, lengthRule, type MessageDraft } from "../protocol/requests.ts";
import type { User } from "../protocol/users.ts";
import { Highlighter } from "./highlighting.ts";
import { codeHtml, parseText } from "./rendering.ts";

/** Gives those of the usernames (lower case) that exist. Asked only when there are any; its rejection is passed on. */
type FindUsers = (names: string[]) => Promise<User[]>;

/** One thread per process colours code, whichever door it came through; it starts with the first. */
const highlighter = new Highlighter();

/** Prepares a message of type `text` or `code`; files, and attachments to any type, are `unsupported`. */
export async function prepareMessage(
  draft: MessageDraft,
  findUsers: FindUsers,
): Promise<PreparedMessage | Refused> {
  const { clientId, content, language, filename, replyTo, threadId, encryption } = draft;
  const type = draft.type ?? "text";
  if (type !== "text" && type !== "code") return refused("unsupported", { details: { type } });
  if (draft.attachments) return refused("unsupported", { details: { field: "attachments" } });
  if (type === "text" && (language !== undefined || filename !== undefined))
    return refused("malformed", { message: "language and filename go with type code." });
  return {
    clientId,
    type,
    content,
    ...(await render({ type, content, language, encryption }, findUsers)),
    ...(language !== undefined && { language }),
    ...(filename !== undefined && { filename }),
    ...(replyTo && { replyTo }),
    ...(threadId && { threadId }),
    ...(encryption && { encryption }),
    attachments: [],
    metadata: draft.metadata ?? {},
    sentHash: sentHash(draft),
  };
}

/** The HTML of another text for a message: code stays code, what is encrypted stays opaque, and the bounds are its type's. */
export async function prepareEdit(
  { type, language, encryption, attachments }: Message,
  content: string,
  findUsers: FindUsers,
): Promise<string | Refused> {
  if (!lengthFits({ content, type, encryption, attachments }))
    return refused("malformed", { message: lengthRule.error });
  const { html } = await render({ type, content, language, encryption }, findUsers);
  return html;
}

type Written = Pick<Message, "type" | "content" | "language" | "encryption">;

/** What is encrypted cannot be read; code is coloured and names nobody; all else is Markdown. */
async function render(
  { type, content, language, encryption }: Written,
  findUsers: FindUsers,
): Promise<{ html: string; mentions: Mention[] }> {
  if (encryption) return { html: "", mentions: [] };
  if (type === "code") {
    const coloured = language === undefined ? undefined : await highlighter.highlight(content, language);
    return { html: coloured ?? codeHtml(content, language), mentions: [] };
  }
  const { names, snippets, render } = parseText(content);
  const [users, coloured] = await Promise.all([
    names.length > 0 ? findUsers(names) : [],
    Promise.all(snippets.map(({ code, language }) => highlighter.highlight(code, language))),
  ]);
  return render(users, coloured);
}

/**
 * SHA-256, hex, of what the author said: the request as canonical JSON (sorted keys, defaults filled in, nothing
 * undefined) without `clientId`, `attempt` and `durability`, before rendering. Kept for ever, so never to change (rule S1).
 */
export function sentHash(draft: MessageDraft): string {
  const { clientId: _clientId, attempt: _attempt, durability: _durability, ...said } = draft;
  return createHash("sha256")
    .update(canonicalJson({ ...said, type: said.type ?? "text", metadata: said.metadata ?? {} }))
    .digest("hex");
}

/** JSON whose objects have sorted keys and no undefined members: equal values, equal text. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(",")}}`;
}
