/** The rest of version 1: known, and answered `unsupported` to whoever is logged in, until it is built. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { UserId } from "../../protocol/ids.ts";
import { refusal } from "../../protocol/refusals.ts";
import { sendProblem } from "../http/problem.ts";
import type { Method } from "../http/route.ts";

/** Path → methods, under `/api/v1`. */
export const NOT_OFFERED: Record<string, readonly Method[]> = {
  "/users/me": ["PATCH", "DELETE"],
  "/users/search": ["GET"],
  "/users/:id/presence": ["GET"],
  "/users/me/keys": ["PUT"],
  "/users/me/settings": ["GET", "PATCH"],
  "/users/me/blocks": ["GET"],
  "/users/:id/block": ["PUT", "DELETE"],
  "/users/me/export": ["POST"],
  "/devices": ["POST", "DELETE"],
  "/spaces/:id": ["PATCH", "DELETE"],
  "/spaces/:id/webhooks": ["GET", "POST"],
  "/spaces/:id/bots": ["GET", "POST"],
  "/spaces/:id/commands": ["GET", "POST"],
  "/channels/:id": ["PATCH"],
  "/channels/:id/members/me": ["PATCH"],
  "/channels/:id/pins": ["GET"],
  "/channels/:id/messages/search": ["GET"],
  "/channels/:id/receipts": ["GET"],
  "/messages/:id": ["PATCH", "DELETE"],
  "/messages/:id/history": ["GET"],
  "/messages/:id/reactions": ["GET", "POST", "DELETE"],
  "/messages/:id/pin": ["PUT", "DELETE"],
  "/messages/:id/read": ["PUT"],
  "/messages/:id/report": ["POST"],
  "/threads/:id/messages": ["GET"],
  "/threads/:id/follow": ["PUT"],
  "/search": ["GET"],
  "/uploads": ["POST"],
  "/uploads/presign": ["POST"],
  "/uploads/:id/complete": ["POST"],
  "/files/:id": ["GET"],
  "/moderation/flags": ["GET"],
  "/moderation/flags/:id/resolve": ["POST"],
  "/audit": ["GET"],
  "/hooks/:id/:secret": ["POST"],
};

/** Registers them. Their bodies are not read. */
export function addNotOffered(
  app: FastifyInstance,
  caller: (request: FastifyRequest) => UserId | undefined,
): void {
  for (const [url, methods] of Object.entries(NOT_OFFERED)) {
    app.route({
      method: [...methods],
      url,
      exposeHeadRoute: false,
      schema: { hide: true },
      onRequest: async (request, reply) =>
        sendProblem(reply, refusal(caller(request) === undefined ? "unauthenticated" : "unsupported")),
      handler: (_request, reply) => sendProblem(reply, refusal("unsupported")),
    });
  }
}
