/** The operations port: health, metrics, and what the command line asks of a running node. Never exposed to clients. */
import { createHash, timingSafeEqual } from "node:crypto";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { ChannelId } from "../../protocol/ids.ts";
import { refusal } from "../../protocol/refusals.ts";
import type { ChannelStatus, ClusterStatus } from "../../src/ports.ts";
import { errorHandler } from "./errors.ts";
import { sendProblem } from "./problem.ts";

/** What `/readyz` answers from; each as it stands now. */
export type Readiness = { redis: boolean; postgres: boolean; lease: boolean; draining: boolean };

export type OperationsOptions = {
  /** Bearer token of `/admin`; at least 16 characters. */
  adminToken: string;
  registry: Registry;
  /** Never rejects; asks the stores, within a second. */
  readiness(): Promise<Readiness>;
  status(): Promise<ClusterStatus>;
  /** Undefined: there is no such channel. */
  channel(id: ChannelId): Promise<ChannelStatus | undefined>;
  /** Asks a node, by id or name, to drain and end. False: there is no such node. */
  drain(node: string): Promise<boolean>;
  logger: Logger;
};

const ADMIN_TOKEN_CHARACTERS_MIN = 16;
/** `/readyz` and `/admin` bodies are empty; a node's name is short. */
const BODY_BYTES_MAX = 1_024;

/** Makes the server, ready to listen. Throws when the admin token is too short to be one. */
export function createOperations(options: OperationsOptions): FastifyInstance {
  const { adminToken, registry, logger } = options;
  if (adminToken.length < ADMIN_TOKEN_CHARACTERS_MIN) {
    throw new RangeError(`the admin token must have at least ${ADMIN_TOKEN_CHARACTERS_MIN} characters`);
  }
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
  app.register(
    async (admin) => {
      admin.addHook("onRequest", async (request, reply) => {
        if (!isAdmin(request, adminToken)) return sendProblem(reply, refusal("unauthenticated"));
      });
      admin.get("/status", () => options.status());
      admin.get<{ Params: { id: string } }>("/channels/:id", async (request, reply) => {
        const id = ChannelId.safeParse(request.params.id);
        if (!id.success)
          return sendProblem(reply, refusal("malformed", { message: "That is not the id of a channel." }));
        return (await options.channel(id.data)) ?? sendProblem(reply, refusal("not_found"));
      });
      admin.post<{ Params: { node: string } }>("/nodes/:node/drain", async (request, reply) => {
        if (!(await options.drain(request.params.node)))
          return sendProblem(reply, refusal("not_found", { message: "There is no such node." }));
        logger.info({ target: request.params.node }, "drain asked for");
        return reply.code(202).send({ node: request.params.node, draining: true });
      });
    },
    { prefix: "/admin" },
  );
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

/** Compared by digest, so that the time tells nothing, the length neither. */
function isAdmin(request: FastifyRequest, adminToken: string): boolean {
  const [, token] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
  return token !== undefined && timingSafeEqual(digest(token), digest(adminToken));
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
