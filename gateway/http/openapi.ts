/** The OpenAPI 3.1 document of all routes, made from their schemas at `/openapi.json`. */
import fastifySwagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";
import { PROTOCOL_VERSION } from "../../protocol/session.ts";

type Json = { [key: string]: unknown };

/** Registers the document. Call it before the routes that it should describe. */
export async function addOpenApi(scope: FastifyInstance): Promise<void> {
  await scope.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Hubbub",
        description: "REST of Hubbub; see docs/protocol.md for the events.",
        version: `${PROTOCOL_VERSION}`,
      },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) =>
      withProblems(jsonSchemaTransformObject(document as never) as Json) as never,
  });
  let text: string | undefined;
  scope.get(
    "/openapi.json",
    {
      schema: { hide: true },
      onRequest: async (_request, reply) => void reply.header("cache-control", "public, max-age=300"),
    },
    async (_request, reply) => {
      // Made once: the routes of a running server do not change.
      text ??= JSON.stringify(scope.swagger());
      return reply.type("application/json; charset=utf-8").send(text);
    },
  );
}

/** Every operation may answer with a problem; and of the components, only those that something names. */
function withProblems(document: Json): Json {
  const problem = {
    description: "A refusal: `code` says which, `retry` what to do.",
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
  for (const operations of Object.values((document.paths ?? {}) as Json)) {
    for (const operation of Object.values(operations as Json)) {
      (operation as { responses: Json }).responses.default = problem;
    }
  }
  return withoutUnused(document);
}

function withoutUnused(document: Json): Json {
  const components = document.components as { schemas: Json };
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name!)) continue;
      used.add(name!);
      visit(components.schemas[name!] ?? {});
    }
  };
  visit(document.paths ?? {});
  components.schemas = Object.fromEntries(
    Object.entries(components.schemas).filter(([name]) => used.has(name)),
  );
  return document;
}
