/** The operations port: health, metrics, and what the command line asks of a running node. Never exposed to clients. */
import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import type { Registry } from "prom-client";
import { refusal } from "../../protocol/refusals.ts";
import { type AdminOptions, adminRoutes } from "./admin.ts";
import { errorHandler } from "./errors.ts";
import { sendProblem } from "./problem.ts";

/** What `/readyz` answers from; each as it stands now. */
export type Readiness = { redis: boolean; postgres: boolean; lease: boolean; draining: boolean };

export type OperationsOptions = AdminOptions & { registry: Registry };

/** What is sent here is a name or nothing. */
const BODY_BYTES_MAX = 1_024;

/** Makes the server, ready to listen. Throws when the admin token is too short to be one. */
export function createOperations(options: OperationsOptions): FastifyInstance {
  const { registry, logger } = options;
  const app = fastify({ bodyLimit: BODY_BYTES_MAX });
  app.setErrorHandler(errorHandler(logger));
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, refusal("not_found")));
  // What a health check or a script sends with an empty POST is not looked at.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, _body, done) => done(null));

  app.get("/healthz", async () => ({ alive: true }));
  app.get("/readyz", async (_request, reply) => ready(reply, await options.readiness()));
  app.get("/metrics", async (_request, reply) =>
    reply.type(registry.contentType).send(await registry.metrics()),
  );
  app.register(adminRoutes(options), { prefix: "/admin" });
  return app;
}

/** 200 when clients may come; else 503, and which of the four says no. */
function ready(reply: FastifyReply, { redis, postgres, lease, draining }: Readiness): FastifyReply {
  const isReady = redis && postgres && lease && !draining;
  return reply.code(isReady ? 200 : 503).send({
    ready: isReady,
    redis: redis ? "ok" : "away",
    postgres: postgres ? "ok" : "away",
    lease: lease ? "held" : "lapsed",
    draining,
  });
}
