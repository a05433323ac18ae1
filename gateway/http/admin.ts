/** The admin API: what an operator reads of a cluster, from any of its nodes. What changes it stands in `admin-writes.ts`. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { StoreAway } from "../../actors/ports.ts";
import { ChannelId } from "../../protocol/ids.ts";
import { refusal } from "../../protocol/refusals.ts";
import type { ChannelStatus, ClusterStatus } from "../../src/ports.ts";
import { type AdminWriteOptions, registerWrites } from "./admin-writes.ts";
import { errorHandler } from "./errors.ts";
import type { Readiness } from "./operations.ts";
import { sendProblem } from "./problem.ts";

export type AdminOptions = AdminWriteOptions & {
  /** Bearer token of every route; at least 16 characters. */
  adminToken: string;
  /** Undefined: there is no such channel. */
  channel(id: ChannelId): Promise<ChannelStatus | undefined>;
  /** Never rejects; asks the stores, within a second. */
  readiness(): Promise<Readiness>;
};

const ADMIN_TOKEN_CHARACTERS_MIN = 16;
/** A lease outlives a leader by 6 s, and the next one is there within a second. */
const LEADER_RETRY_MS = 2_000;

/** The routes, as a plugin. Throws when the admin token is too short to be one. */
export function adminRoutes(options: AdminOptions): (admin: FastifyInstance) => Promise<void> {
  const { adminToken, logger } = options;
  if (adminToken.length < ADMIN_TOKEN_CHARACTERS_MIN) {
    throw new RangeError(`the admin token must have at least ${ADMIN_TOKEN_CHARACTERS_MIN} characters`);
  }
  return async (admin) => {
    admin.setErrorHandler(failed(options));
    admin.addHook("onRequest", async (request, reply) => {
      if (isAdmin(request, adminToken)) return;
      const { method, url, ip: address } = request;
      if (method !== "GET") logger.warn({ method, url, address }, "admin: refused, the token is wrong");
      return sendProblem(reply, refusal("unauthenticated"));
    });
    registerReads(admin, options);
    registerWrites(admin, options);
  };
}

function registerReads(admin: FastifyInstance, { status, channel, placement }: AdminOptions): void {
  admin.get("/status", (): Promise<ClusterStatus> => status());
  admin.get<{ Params: { id: string } }>("/channels/:id", async (request, reply) => {
    const id = ChannelId.safeParse(request.params.id);
    if (!id.success)
      return sendProblem(reply, refusal("malformed", { message: "That is not the id of a channel." }));
    return (await channel(id.data)) ?? sendProblem(reply, refusal("not_found"));
  });
  admin.get("/shards", async () => ({ shards: await placement.shards() }));
  admin.get("/rebalance", async () => ({ moves: await placement.plan() }));
}

/** An operator hears what is away; what is nobody's fault but ours stands in the log, with its stack. */
function failed({ logger, readiness }: AdminOptions) {
  const fallback = errorHandler(logger);
  return async (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
    if (error.statusCode !== undefined && error.statusCode < 500) return fallback(error, request, reply);
    const { redis, postgres } = await readiness();
    const away = [...(redis ? [] : ["Redis"]), ...(postgres ? [] : ["Postgres"])].join(" and ");
    if (away === "" && !(error instanceof StoreAway)) return fallback(error, request, reply);
    logger.warn({ reason: error.message, route: request.routeOptions.url }, "admin: could not answer");
    const message =
      away === ""
        ? `The cluster could not answer just now (${error.message}): try again.`
        : `${away} cannot be reached from this node: mend that first, then ask again.`;
    return sendProblem(reply, refusal("unavailable", { message, retryAfterMs: LEADER_RETRY_MS }));
  };
}

/** Compared by digest, so that the time tells nothing, the length neither. */
function isAdmin(request: FastifyRequest, adminToken: string): boolean {
  const [, token] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? "") ?? [];
  return token !== undefined && timingSafeEqual(digest(token), digest(adminToken));
}

function digest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
