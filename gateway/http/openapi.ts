/** The OpenAPI 3.1 document of all routes, made from their schemas at `/openapi.json`. */
import fastifySwagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import { PROTOCOL_VERSION } from "../../protocol/session.ts";
import { REST_EXAMPLES, type RestExample } from "../reference/rest-examples.ts";
import { describeOperations, type Json } from "./describe-operations.ts";

/** The default takes branches out of unions of which a part is used twice, and leaves `anyOf: []`. */
const AS_ZOD_SAYS = { zodToJsonConfig: { override: () => {} } };
const toJsonSchema = createJsonSchemaTransform(AS_ZOD_SAYS);
const toComponents = createJsonSchemaTransformObject(AS_ZOD_SAYS);

/** A document of the API, as a value and as it is served. Made at the first call, when all routes are known; then kept. */
export type ApiDocument = { value(): Json; text(): string };

/** Registers the document. Call it before the routes that it should describe. */
export async function addOpenApi(scope: FastifyInstance): Promise<ApiDocument> {
  await scope.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Hubbub",
        description:
          "REST of Hubbub. What is pushed over Socket.IO is described by /api/v1/asyncapi.json; docs/protocol.md tells the story around both.",
        version: `${PROTOCOL_VERSION}`,
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
    transform: toJsonSchema,
    transformObject: (document) => {
      const described = describeOperations(toComponents(document as never) as Json, exampleOf(scope.prefix));
      return withoutUnused(described) as never;
    },
  });
  const document = keepDocument(() => scope.swagger() as unknown as Json);
  serveDocument(scope, "/openapi.json", document);
  return document;
}

/** Where a document is read from: JSON that any tool takes, kept by caches for five minutes. */
export function serveDocument(scope: FastifyInstance, path: string, document: ApiDocument): void {
  scope.get(
    path,
    {
      schema: { hide: true },
      onRequest: async (_request, reply) => void reply.header("cache-control", "public, max-age=300"),
    },
    async (_request, reply) => reply.type("application/json; charset=utf-8").send(document.text()),
  );
}

/** Made once: what a running server offers does not change. */
export function keepDocument(make: () => Json): ApiDocument {
  let value: Json | undefined;
  let text: string | undefined;
  const document = {
    value: () => (value ??= make()),
    text: () => (text ??= JSON.stringify(document.value())),
  };
  return document;
}

/** The example of an operation that the document names `GET /api/v1/users/{id}`. */
function exampleOf(prefix: string): (method: string, path: string) => RestExample | undefined {
  return (method, path) => {
    const line = path.slice(prefix.length).replaceAll(/\{(\w+)\}/g, ":$1");
    return REST_EXAMPLES[`${method.toUpperCase()} ${line}`];
  };
}

/** Of the components, only those that something names. */
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
