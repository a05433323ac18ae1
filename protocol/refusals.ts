/**
 * Every refusal a client can meet. `retry` tells the client what to do, so that it need not know the code:
 * `never` (the same request fails again), `later` (back off and send again), `elsewhere` (connect again first).
 * `docs/protocol.md` lists the same rows; a test keeps both equal.
 */
import * as z from "zod";

type Row = {
  readonly status: number;
  readonly retry: "never" | "later" | "elsewhere";
  readonly message: string;
};

export const REFUSALS = {
  malformed: { status: 400, retry: "never", message: "The request does not match its schema." },
  unsupported_protocol: {
    status: 400,
    retry: "never",
    message: "This server does not speak that version of the protocol.",
  },
  unauthenticated: { status: 401, retry: "never", message: "A valid token is needed." },
  forbidden: { status: 403, retry: "never", message: "Your role does not allow this here." },
  not_a_member: { status: 403, retry: "never", message: "You are not a member of this channel." },
  muted: { status: 403, retry: "later", message: "You are muted in this channel." },
  banned: { status: 403, retry: "never", message: "You are banned from this channel." },
  not_found: { status: 404, retry: "never", message: "There is no such thing, or you may not know of it." },
  conflict: { status: 409, retry: "never", message: "That id or name is already taken by something else." },
  already_deleted: { status: 409, retry: "never", message: "The message has been deleted." },
  edit_window_closed: {
    status: 409,
    retry: "never",
    message: "The time for editing this message has passed.",
  },
  archived: { status: 409, retry: "never", message: "The channel is archived." },
  member_limit: { status: 409, retry: "never", message: "The channel has as many members as it may have." },
  too_large: { status: 413, retry: "never", message: "The request is larger than the server takes." },
  content_blocked: {
    status: 422,
    retry: "never",
    message: "The message was blocked by the rules of this channel.",
  },
  slow_mode: { status: 429, retry: "later", message: "Slow mode: wait before you send again." },
  rate_limited: { status: 429, retry: "later", message: "Too many requests; slow down." },
  unsupported: { status: 501, retry: "never", message: "This server does not offer that." },
  unavailable: {
    status: 503,
    retry: "later",
    message: "The channel cannot be reached right now; send again.",
  },
  overloaded: { status: 503, retry: "later", message: "Too busy to take this right now; send again." },
  /** Between nodes only: a client never sees it. */
  moved: { status: 503, retry: "elsewhere", message: "The shard has moved to another node." },
} as const satisfies Record<string, Row>;

export type RefusalCode = keyof typeof REFUSALS;

export const Refusal = z
  .object({
    code: z.enum(Object.keys(REFUSALS) as [RefusalCode, ...RefusalCode[]]),
    message: z.string(),
    retry: z.enum(["never", "later", "elsewhere"]),
    retryAfterMs: z.int().nonnegative().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "Refusal", description: "An answer that says no, why, and what to do." });
export type Refusal = z.infer<typeof Refusal>;

/** What a refusal may add to its row: another sentence, when to come back, machine-readable details. */
export type RefusalExtras = { message?: string; retryAfterMs?: number; details?: Record<string, unknown> };

export function refusal(code: RefusalCode, extras: RefusalExtras = {}): Refusal {
  const { retry, message } = REFUSALS[code];
  return { code, message, retry, ...extras };
}

/** `details` of an `unavailable` that ends when every node runs the new version (rule E7). */
export const UPGRADING = { upgrading: true };

export function isUpgrading(answer: Answer): answer is Refused {
  return !answer.ok && answer.error.details?.upgrading === true;
}

/** The answer to a request: what was asked for, or a refusal. The same shape on sockets and between nodes. */
export type Answer<T extends object = object> = ({ ok: true } & T) | Refused;
export type Refused = { ok: false; error: Refusal };

export function refused(code: RefusalCode, extras?: RefusalExtras): Refused {
  return { ok: false, error: refusal(code, extras) };
}
