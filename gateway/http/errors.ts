/** Everything that goes wrong before or inside a route, as a refusal: what a client did, what is away, what we broke. */
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import type { Logger } from "pino";
import { StoreAway } from "../../actors/ports.ts";
import { type Refusal, refusal } from "../../protocol/refusals.ts";
import { PROBLEM_TYPE, problemOf, sendProblem } from "./problem.ts";

/** Faults of a request that one answer names: the first ones are enough to mend it. */
const ISSUES_MAX = 10;
/** When Postgres is away: about as long as a failover of its own takes at best. */
const STORE_RETRY_MS = 2_000;

/** fastify's error handler. Only faults of our own are logged, with their stack; no client ever sees one. */
export function errorHandler(logger: Logger) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const found = wasCut(error, request) ? refusal("malformed") : refusalOf(error);
    if (found) return sendProblem(reply, found);
    logger.error({ err: error, requestId: request.id, route: request.routeOptions.url }, "request failed");
    return sendProblem(
      reply,
      refusal("unavailable", { message: "Something went wrong on this server; try again." }),
    );
  };
}

/** Did the client cut the connection before its request was whole? Then nobody hears the answer, and nothing failed here. */
function wasCut(error: FastifyError, { raw }: FastifyRequest): boolean {
  return error.code === "ECONNRESET" && !raw.complete;
}

/** What the client can do something about; undefined for what only we can mend. */
function refusalOf(error: FastifyError): Refusal | undefined {
  if (hasZodFastifySchemaValidationErrors(error)) {
    const issues = error.validation
      .slice(0, ISSUES_MAX)
      .map((issue) => ({ path: issue.instancePath, message: issue.message }));
    return refusal("malformed", { details: { in: error.validationContext, issues } });
  }
  if (error instanceof StoreAway)
    return refusal("unavailable", {
      message: "The database cannot be reached right now; try again.",
      retryAfterMs: STORE_RETRY_MS,
    });
  if (error.statusCode === 413) return refusal("too_large");
  // fastify's own complaints about a body or URL: their text is written for clients.
  if (error.code?.startsWith("FST_") && error.statusCode !== undefined && error.statusCode < 500)
    return refusal("malformed", { message: error.message });
  return undefined;
}

/** What is not even HTTP: answered on the bare socket, which then closes. */
export function clientErrorHandler(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const status =
    error.code === "HPE_HEADER_OVERFLOW" ? 431 : error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  const body = JSON.stringify(problemOf(refusal(status === 431 ? "too_large" : "malformed"), status));
  if (socket.writable) {
    socket.write(
      `HTTP/1.1 ${status} ${status === 431 ? "Request Header Fields Too Large" : "Bad Request"}\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy(error);
}
