/** The HTTP server of a gateway: REST under `/api/v1`, the page at `/`. Socket.IO attaches to its `.server`. */
import type { Server } from "node:http";
import fastifyCors from "@fastify/cors";
import fastifyHelmet from "@fastify/helmet";
import fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { Logger } from "pino";
import { v7 as uuidv7 } from "uuid";
import { REFUSALS, refusal } from "../../protocol/refusals.ts";
import { PACKET_BYTES_MAX } from "../../protocol/session.ts";
import type { Metrics } from "../../src/telemetry/metrics.ts";
import { TOKENS_AWAY, type Verified, type VerifyToken } from "../auth/tokens.ts";
import { referencePage } from "../reference/reference-page.ts";
import { addNotOffered } from "../routes/not-offered.ts";
import type { RestOptions } from "../routes/rest-options.ts";
import { restRoutes } from "../routes/rest-routes.ts";
import { addAsyncApi } from "./asyncapi.ts";
import { clientErrorHandler, errorHandler } from "./errors.ts";
import { addOpenApi } from "./openapi.ts";
import { addPage, addReference } from "./page.ts";
import { sendProblem } from "./problem.ts";
import { addRoute, type Door, METHODS, type Method } from "./route.ts";

/** Time for a whole request to arrive, milliseconds: a phone on a bad line, not a slow attack. */
const REQUEST_TIMEOUT_MS = 15_000;
/** Time for its head, and between two looks at who is late, milliseconds: together within the 15 s that a half-open connection has. */
const HEAD_TIMEOUT_MS = 10_000;
const LATE_CHECK_MS = 2_500;
/** Requests that took longer, or failed, get a line in the log. */
const SLOW_MS = 250;
const REQUEST_ID = /^[\w.-]{1,64}$/;

export type HttpOptions = RestOptions & {
  tokens: { readonly verifyToken: VerifyToken };
  /** Was this token voided after it was issued (rule E3)? Asked for every request, so from memory. */
  isRevoked(token: Verified): boolean;
  /** Origins of other sites whose pages may call the API; none by default. `*`: all. */
  origins: readonly string[];
  /** How many proxies in front add to `X-Forwarded-For`; 0: nobody is believed. */
  trustedProxies: number;
  logger: Logger;
  metrics: Pick<Metrics, "requests" | "requestDuration">;
};

/** Makes the server, ready to listen or to be injected into. Closing it is the caller's. */
export async function createHttp(options: HttpOptions): Promise<FastifyInstance> {
  const { logger, trustedProxies, origins } = options;
  const server: FastifyHttpOptions<Server> = {
    trustProxy: (_address, hop) => hop < trustedProxies,
    bodyLimit: PACKET_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEAD_TIMEOUT_MS, connectionsCheckingInterval: LATE_CHECK_MS },
    genReqId: (request) => requestId(request.headers["x-request-id"]),
    clientErrorHandler: (error, socket) => clientErrorHandler(error, socket as never),
    frameworkErrors: (error, request, reply) =>
      void errorHandler(logger)(error, request as FastifyRequest, reply as FastifyReply),
  };
  const app = fastify(server);
  // JSON is all that is read: text would only pass where a route reads no body.
  app.removeContentTypeParser("text/plain");
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(errorHandler(logger));
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, refusal("not_found")));
  await app.register(fastifyHelmet, HELMET);
  await app.register(fastifyCors, {
    origin: origins.includes("*") ? true : [...origins],
    methods: [...METHODS],
    exposedHeaders: ["RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id"],
    maxAge: 600,
  });
  observe(app, options);
  const known = collectMethods(app);
  let reference = () => "";
  await app.register(
    async (scope) => {
      reference = await addRest(scope, options);
    },
    { prefix: "/api/v1" },
  );
  await addPage(app);
  addReference(app, () => reference());
  addWrongMethods(app, known);
  await app.ready();
  return app;
}

/** Scripts, styles and connections from here only, nothing inline, and never inside another site's frame. */
const HELMET = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      connectSrc: ["'self'"],
      imgSrc: ["'self'"],
      manifestSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
    },
  },
  // TLS ends before us, at whoever knows whether the whole site has it.
  strictTransportSecurity: false,
  referrerPolicy: { policy: "no-referrer" as const },
};

/** Answers how the page of the API is made, which tells of these routes. */
async function addRest(scope: FastifyInstance, options: HttpOptions): Promise<() => string> {
  const caller = callerOf(options);
  const openapi = await addOpenApi(scope);
  const asyncapi = addAsyncApi(scope);
  scope.addHook("onRequest", async (_request, reply) => void reply.header("cache-control", "no-store"));
  const { takeRequest } = options.accountRates;
  for (const row of restRoutes(options)) addRoute(scope, row, { caller, takeRequest });
  addNotOffered(scope, caller);
  return () => referencePage({ openapi: openapi.value(), asyncapi: asyncapi.value() } as never);
}

/** Who a request's Bearer token names, or why nobody; refusals of rate are the route's own business. */
function callerOf({ tokens, isRevoked }: HttpOptions): Door["caller"] {
  return async (request) => {
    const [, token] = /^Bearer ([\w.-]+)$/i.exec(request.headers.authorization ?? "") ?? [];
    const verified = token === undefined ? undefined : await tokens.verifyToken(token);
    if (verified === "away") return refusal("unavailable", { message: TOKENS_AWAY });
    return verified && !isRevoked(verified) ? verified.userId : refusal("unauthenticated");
  };
}

/** The client's own id where it is harmless in a log, else one of ours. */
function requestId(given: string | string[] | undefined): string {
  return typeof given === "string" && REQUEST_ID.test(given) ? given : uuidv7();
}

/** One metric per answer, and a line for the slow and the failed. Routes are named by their pattern, never by an id. */
function observe(app: FastifyInstance, { metrics, logger }: HttpOptions): void {
  app.addHook("onRequest", async (request, reply) => void reply.header("x-request-id", request.id));
  app.addHook("onResponse", async (request, reply) => {
    const event = `${request.method} ${request.routeOptions.url ?? "unknown"}`;
    const tookMs = reply.elapsedTime;
    metrics.requests.inc({ event, code: String(reply.statusCode) });
    metrics.requestDuration.observe({ event }, tookMs / 1000);
    // What is not offered did not fail: anyone may ask for it, as often as they like.
    const failed = reply.statusCode >= 500 && reply.statusCode !== REFUSALS.unsupported.status;
    if (tookMs < SLOW_MS && !failed) return;
    logger.warn(
      { event, status: reply.statusCode, tookMs: Math.round(tookMs), requestId: request.id },
      "slow or failed request",
    );
  });
}

/** Which methods each path has, as routes are added. */
function collectMethods(app: FastifyInstance): Map<string, Set<Method>> {
  const known = new Map<string, Set<Method>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = known.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each as Method);
    known.set(url, methods);
  });
  return known;
}

/** 405 with `Allow`, where the path exists and the method does not. */
function addWrongMethods(app: FastifyInstance, known: Map<string, Set<Method>>): void {
  for (const [url, methods] of [...known]) {
    const allow = [...methods].join(", ");
    const wrong = METHODS.filter((method) => !methods.has(method));
    if (wrong.length === 0) continue;
    app.route({
      method: wrong,
      url,
      schema: { hide: true },
      handler: (_request, reply) =>
        sendProblem(
          reply.header("allow", allow),
          refusal("unsupported", { message: `This path answers ${allow}.` }),
          405,
        ),
    });
  }
}
