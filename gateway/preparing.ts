/** From a request to send to what the channel's actor takes: rendered, its mentions found, its hash taken (rule H6). */
import { createHash } from "node:crypto";
import type { PreparedMessage } from "../actors/commands.ts";
import { type Refused, refused } from "../protocol/refusals.ts";
import type { MessageDraft } from "../protocol/requests.ts";
import type { User } from "../protocol/users.ts";
import { parseText } from "./rendering.ts";

/** What a draft may hold that this server does not offer. */
const NOT_OFFERED = ["language", "filename", "replyTo", "threadId", "attachments", "encryption"] as const;

/**
 * Prepares a message of type `text`; every other type, replies, threads, attachments and encryption are `unsupported`.
 * `findUsers` gives those of the usernames (lower case) that exist; it is asked only when there are any, and its
 * rejection is passed on.
 */
export async function prepareMessage(
  draft: MessageDraft,
  findUsers: (names: string[]) => Promise<User[]>,
): Promise<PreparedMessage | Refused> {
  const type = draft.type ?? "text";
  if (type !== "text") return refused("unsupported", { details: { type } });
  const field = NOT_OFFERED.find((name) => draft[name] !== undefined);
  if (field) return refused("unsupported", { details: { field } });
  const parsed = parseText(draft.content);
  const users = parsed.names.length > 0 ? await findUsers(parsed.names) : [];
  return {
    clientId: draft.clientId,
    type,
    content: draft.content,
    ...parsed.render(users),
    attachments: [],
    metadata: draft.metadata ?? {},
    sentHash: sentHash(draft),
  };
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
