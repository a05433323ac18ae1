/** Refusals over HTTP: RFC 9457 problem documents with the refusal's own members beside the standard ones. */
import { STATUS_CODES } from "node:http";
import type { FastifyReply } from "fastify";
import { REFUSALS, type Refusal } from "../../protocol/refusals.ts";
import type { Problem } from "../../protocol/rest.ts";

export const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

/** The document for `refusal`; `status` only where HTTP has a more exact one than the refusal's row (405). */
export function problemOf(refusal: Refusal, status: number = REFUSALS[refusal.code].status): Problem {
  const { code, message, retry, retryAfterMs, details } = refusal;
  return {
    type: `urn:hubbub:refusal:${code}`,
    title: STATUS_CODES[status] ?? code,
    status,
    detail: message,
    code,
    retry,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(details && { details }),
  };
}

/** Answers with the problem document, and the headers that HTTP has for the same facts. */
export function sendProblem(reply: FastifyReply, refusal: Refusal, status?: number): FastifyReply {
  const problem = problemOf(refusal, status);
  if (problem.status === 401) reply.header("www-authenticate", "Bearer");
  if (refusal.retryAfterMs !== undefined) reply.header("retry-after", Math.ceil(refusal.retryAfterMs / 1000));
  // As text: a route's own response schemas are for its own answers.
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}
