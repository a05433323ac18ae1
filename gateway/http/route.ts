/**
 * One REST route as data: what it takes, what it answers, and who may ask. The rows of `gateway/routes/` are all there is;
 * validation, types and the OpenAPI document come from their schemas.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { Trace } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Answer, Refusal } from "../../protocol/refusals.ts";
import { sendProblem } from "./problem.ts";

type Success = 200 | 201;
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export const METHODS: readonly Method[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/** A request as a route sees it: parsed, and from whom. */
export type Asked<B, Q, P> = {
  body: B;
  query: Q;
  params: P;
  /** Who asks; only public routes must not read it. */
  userId: UserId;
  /** The asker's IP address, behind a trusted proxy the one that it names. */
  address: string;
  trace: Trace;
  /** Sets a header of the answer. */
  header(name: string, value: string | number): void;
};

export type Route = {
  method: Method;
  /** Under `/api/v1`, with `:id`. */
  path: string;
  summary: string;
  public: boolean;
  schemas: { body?: z.ZodType; querystring?: z.ZodType; params?: z.ZodType; answer: z.ZodType };
  handle(asked: Asked<never, never, never>): Promise<Answer>;
  /** What success may be: 201 where the answer made something. */
  statuses: readonly Success[];
  status(answer: object): Success;
};

const NO_FIELDS = z.strictObject({});
/** Routes without a body take none, or an empty object. */
const NO_BODY = NO_FIELDS.nullish();

/** What the answer's schema takes; of the empty one, nothing. */
type Content<A extends z.ZodType> = z.input<A> extends Record<string, never> ? object : z.input<A> & object;

type Definition<B extends z.ZodType, Q extends z.ZodType, P extends z.ZodType, A extends z.ZodType> = {
  summary: string;
  public?: boolean;
  body?: B;
  query?: Q;
  params?: P;
  answer: A;
  /** Default: 200. */
  statuses?: readonly Success[];
  /** Which of them; default the first. */
  status?(answer: object): Success;
  handle(asked: Asked<z.output<B>, z.output<Q>, z.output<P>>): Promise<Answer<Content<A>>>;
};

/** A row: `"POST /spaces"` and what it is. Unknown fields of body, query and path are refused. */
export function route<
  A extends z.ZodType,
  B extends z.ZodType = typeof NO_BODY,
  Q extends z.ZodType = typeof NO_FIELDS,
  P extends z.ZodType = typeof NO_FIELDS,
>(line: `${Method} /${string}`, definition: Definition<B, Q, P, A>): Route {
  const [method, path] = line.split(" ") as [Method, string];
  const {
    summary,
    body,
    query,
    params,
    answer,
    handle,
    statuses = [200],
    status = () => statuses[0]!,
  } = definition;
  return {
    method,
    path,
    summary,
    public: definition.public ?? false,
    statuses,
    status,
    handle,
    schemas: {
      body: method === "GET" ? undefined : (body ?? NO_BODY),
      querystring: query ?? NO_FIELDS,
      params: params ?? NO_FIELDS,
      answer,
    },
  };
}

/** Who asks, or why nobody who may. And whether they may ask once more. */
export type Door = {
  caller(request: FastifyRequest): Promise<UserId | Refusal>;
  takeRequest(userId: UserId): Promise<Answer>;
};

/** Puts a row into fastify. */
export function addRoute(app: FastifyInstance, row: Route, { caller, takeRequest }: Door): void {
  const { body, querystring, params, answer } = row.schemas;
  const users = new WeakMap<FastifyRequest, UserId>();
  app.route({
    method: row.method,
    url: row.path,
    schema: {
      summary: row.summary,
      ...(body && { body }),
      querystring,
      params,
      response: Object.fromEntries(row.statuses.map((status) => [status, answer])),
      security: row.public ? [] : [{ bearer: [] }],
    },
    // Before the body is read: strangers cost nothing.
    onRequest: async (request, reply) => {
      if (row.public) return;
      const userId = await caller(request);
      if (typeof userId !== "string") return sendProblem(reply, userId);
      const taken = await takeRequest(userId);
      if (!taken.ok) return sendProblem(reply, taken.error);
      users.set(request, userId);
    },
    handler: async (request, reply) => {
      const asked = {
        body: request.body,
        query: request.query,
        params: request.params,
        userId: users.get(request),
        address: request.ip,
        trace: { requestId: request.id },
        header: (name: string, value: string | number) => void reply.header(name, value),
      };
      return send(reply, row, await row.handle(asked as never));
    },
  });
}

function send(reply: FastifyReply, row: Route, answer: Answer): FastifyReply {
  if (!answer.ok) return sendProblem(reply, answer.error);
  // The schema of the answer drops `ok`, which a status says already.
  return reply.code(row.status(answer)).send(answer);
}
