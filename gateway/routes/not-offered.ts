/** The rest of version 1: known, and answered `unsupported` to whoever is logged in, until it is built. */
import type { FastifyInstance } from "fastify";
import { refusal } from "../../protocol/refusals.ts";
import { sendProblem } from "../http/problem.ts";
import type { Door, Method } from "../http/route.ts";

/** Path → methods, under `/api/v1`. */
export const NOT_OFFERED: Record<string, readonly Method[]> = {
  "/users/me": ["DELETE"],
  "/users/me/export": ["POST"],
  "/devices": ["POST", "DELETE"],
  "/spaces/:id/webhooks": ["GET", "POST"],
  "/spaces/:id/bots": ["GET", "POST"],
  "/spaces/:id/commands": ["GET", "POST"],
  "/messages/:id/report": ["POST"],
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
export function addNotOffered(app: FastifyInstance, caller: Door["caller"]): void {
  for (const [url, methods] of Object.entries(NOT_OFFERED)) {
    app.route({
      method: [...methods],
      url,
      exposeHeadRoute: false,
      schema: { hide: true },
      onRequest: async (request, reply) => {
        const userId = await caller(request);
        return sendProblem(reply, typeof userId === "string" ? refusal("unsupported") : userId);
      },
      handler: (_request, reply) => sendProblem(reply, refusal("unsupported")),
    });
  }
}
