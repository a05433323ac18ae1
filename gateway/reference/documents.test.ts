import { readFileSync } from "node:fs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChannelEvent } from "../../protocol/events.ts";
import { REQUESTS, type RequestName } from "../../protocol/requests.ts";
import { Handshake } from "../../protocol/session.ts";
import type { Route } from "../http/route.ts";
import { createRestWorld } from "../routes/rest-doubles.ts";
import type { RestOptions } from "../routes/rest-options.ts";
import { restRoutes } from "../routes/rest-routes.ts";
import { REST_EXAMPLES } from "./rest-examples.ts";
import { EVENT_EXAMPLES, HANDSHAKE_EXAMPLE, REQUEST_EXAMPLES, TOLD_EXAMPLES } from "./socket-examples.ts";
import { TOLD } from "./told.ts";

type Operation = { operationId: string; responses: Record<string, object> };
type Paths = Record<string, Record<string, Operation>>;
type Message = { name: string; examples: { payload: { events?: { type: string }[] } }[] };
const ROUTES = restRoutes({} as RestOptions);
const EVENTS = Object.keys(REQUESTS) as RequestName[];
const lineOf = ({ method, path }: Route) => `${method} ${path}`;

let world: Awaited<ReturnType<typeof createRestWorld>>;
const get = (url: string) => world.app.inject({ url });
beforeAll(async () => {
  world = await createRestWorld();
});
afterAll(() => world.app.close());

describe("examples are what the schemas take and give", () => {
  test("each route has one, and there is none besides", () => {
    expect(Object.keys(REST_EXAMPLES)).toEqual(ROUTES.map(lineOf));
  });

  test.each(ROUTES.map((route) => [lineOf(route), route] as const))("%s", (line, { schemas }) => {
    const { params = {}, query = {}, body, answer } = REST_EXAMPLES[line]!;
    schemas.params!.parse(params);
    schemas.querystring!.parse(query);
    schemas.body?.parse(body);
    // Nothing is stripped: an example shows no field that an answer has not.
    expect(schemas.answer.parse(answer)).toEqual(answer);
  });

  test.each(EVENTS)("%s", (name) => {
    const { request, answer } = REQUEST_EXAMPLES[name];
    expect(REQUESTS[name].request.parse(request)).toEqual(request);
    expect(REQUESTS[name].answer.parse(answer)).toEqual(answer);
  });

  test.each(Object.entries(EVENT_EXAMPLES))("%s", (_type, event) => {
    expect(ChannelEvent.parse(event)).toEqual(event);
  });

  test.each(Object.keys(TOLD) as (keyof typeof TOLD)[])("%s, told", (name) => {
    expect(TOLD[name].schema.parse(TOLD_EXAMPLES[name])).toEqual(TOLD_EXAMPLES[name]);
    Handshake.parse(HANDSHAKE_EXAMPLE);
  });
});

test("docs/protocol.md has a row for all that the server says", () => {
  const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const table = page.split("\n### Beside it\n")[1]!.split("\n## ")[0]!;
  const rows = [...table.matchAll(/^\| `([a-z:]+)`/gm)].map(([, name]) => name!);
  const elsewhere = ["session:ready", "session:closing", "channel:events"];
  expect([...elsewhere, ...rows].sort()).toEqual(Object.keys(TOLD).sort());
});

describe("row O9: the OpenAPI document", () => {
  test("holds to the specification", async () => {
    const document = (await get("/api/v1/openapi.json")).json();
    expect(await new Validator().validate(document)).toEqual({ valid: true });
  });

  test("has every route with a summary, a name of its own, an answer and a problem", async () => {
    const { paths } = (await get("/api/v1/openapi.json")).json<{ paths: Paths }>();
    const operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    expect(operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`).sort()).toEqual(
      ROUTES.map(({ method, path }) => `${method} /api/v1${path.replaceAll(/:(\w+)/g, "{$1}")}`).sort(),
    );
    const names = operations.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const { operation } of operations) {
      expect(operation).toMatchObject({
        summary: expect.stringMatching(/^[A-Z]/),
        operationId: expect.stringMatching(/^[a-z][A-Za-z]+$/),
        responses: { default: { content: { "application/problem+json": {} } } },
      });
      const [success] = Object.values(operation.responses);
      expect(success).toMatchObject({
        content: { "application/json": { schema: expect.anything(), example: expect.anything() } },
      });
    }
  });

  test("its own JSON Schemas take its examples", async () => {
    const document = (await get("/api/v1/openapi.json")).json();
    const ajv = new Ajv2020({ strict: false, formats: FORMATS });
    ajv.addSchema(document, "openapi");
    let tried = 0;
    const holds = (pointer: string[], example: unknown) => {
      const path = pointer.map((part) =>
        encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1")),
      );
      const validate = ajv.getSchema(`openapi#/${path.join("/")}`)!;
      expect([pointer, validate(example), validate.errors]).toEqual([pointer, true, null]);
      tried += 1;
    };
    const visit = (value: unknown, pointer: string[]): void => {
      if (typeof value !== "object" || value === null) return;
      if ("schema" in value && "example" in value) holds([...pointer, "schema"], value.example);
      else for (const [key, inner] of Object.entries(value)) visit(inner, [...pointer, key]);
    };
    visit(document.paths, ["paths"]);
    expect(tried).toBeGreaterThan(ROUTES.length);
  });

  test("its schemas are JSON Schema, with a branch in every union", async () => {
    const document = (await get("/api/v1/openapi.json")).json();
    const schemas: object[] = Object.values(document.components.schemas);
    const visit = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      if ("schema" in value) schemas.push(value.schema as object);
      Object.values(value).forEach(visit);
    };
    visit(document.paths);
    const ajv = new Ajv2020({ strict: false, formats: FORMATS });
    const wrong = schemas.filter((schema) => !ajv.validateSchema(schema));
    expect(wrong).toEqual([]);
  });

  test("what a route does not read is no body in it", async () => {
    const { paths } = (await get("/api/v1/openapi.json")).json();
    expect(paths["/api/v1/auth/revoke-all"].post.requestBody).toBeUndefined();
    expect(paths["/api/v1/auth/login"].post.requestBody.required).toBe(true);
  });
});

describe("row O9: the AsyncAPI document", () => {
  test("holds to the specification", async () => {
    const document = (await get("/api/v1/asyncapi.json")).json();
    const file = new URL(import.meta.resolve("@asyncapi/specs/schemas/3.0.0.json"));
    // The file brings draft 7 itself along.
    const ajv = new Ajv({ strict: false, meta: false, validateSchema: false, formats: FORMATS });
    const validate = ajv.compile(JSON.parse(readFileSync(file, "utf8")));
    expect([validate(document), validate.errors]).toEqual([true, null]);
  });

  test("has every request with its acknowledgement, and all that the server says", async () => {
    const { components, operations } = (await get("/api/v1/asyncapi.json")).json();
    const names = Object.values<Message>(components.messages).map(({ name }) => name);
    const expected = [
      "handshake",
      "connect_error",
      ...EVENTS.flatMap((name) => [name, `${name}.answer`]),
      ...Object.keys(TOLD),
    ];
    expect(names).toEqual(expected);
    const received = Object.entries<{ action: string }>(operations).filter(
      ([, { action }]) => action === "receive",
    );
    expect(received.map(([key]) => key)).toEqual([
      "handshake",
      ...EVENTS.map((name) => name.replace(":", ".")),
    ]);
  });

  test("its own JSON Schemas take its examples, each kind of event among them", async () => {
    const document = (await get("/api/v1/asyncapi.json")).json();
    const ajv = new Ajv({ strict: false });
    ajv.addSchema(document, "asyncapi");
    for (const [key, { examples }] of Object.entries<Message>(document.components.messages)) {
      const validate = ajv.getSchema(`asyncapi#/components/schemas/${key}`)!;
      for (const { payload } of examples) {
        expect([key, validate(payload), validate.errors]).toEqual([key, true, null]);
      }
    }
    const shown: Message["examples"] = document.components.messages["channel.events"].examples;
    expect(shown.map(({ payload }) => payload.events![0]!.type)).toEqual(Object.keys(EVENT_EXAMPLES));
  });

  test("every reference in it leads somewhere", async () => {
    const text = (await get("/api/v1/asyncapi.json")).body;
    const document = JSON.parse(text);
    for (const [, pointer] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = pointer!.split("/").reduce((value, key) => value?.[key], document);
      expect(found, pointer).toBeDefined();
    }
  });
});

describe("row O9: the page at /api/docs", () => {
  test("shows every route and every event", async () => {
    const { body, headers } = await get("/api/docs");
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    for (const { method, path } of ROUTES) {
      expect(body).toContain(`<b class="method">${method}</b> ${path.replaceAll(/:(\w+)/g, "{$1}")}</a>`);
    }
    for (const name of [...EVENTS, ...Object.keys(TOLD)]) {
      expect(body).toContain(`id="event-${name.replace(":", "-")}"`);
    }
  });

  test("every link of it leads somewhere, and nowhere is named twice", async () => {
    const { body } = await get("/api/docs");
    const ids = [...body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!);
    expect(new Set(ids).size).toBe(ids.length);
    const links = [...body.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, to]) => to!);
    expect(links.filter((to) => to.startsWith("#") && !ids.includes(to.slice(1)))).toEqual([]);
    for (const to of new Set(links.filter((to) => !to.startsWith("#")))) {
      expect([to, (await get(to)).statusCode]).toEqual([to, 200]);
    }
  });

  test("needs nothing that the server's own policy forbids", async () => {
    const { body, headers } = await get("/api/docs");
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
    expect(body).not.toMatch(/<script|<style|\sstyle=|\son\w+=|(?:href|src)="(?:https?:)?\/\//);
    const { body: css } = await get("/api/docs.css");
    expect(css).not.toMatch(/url\(|@import/);
  });

  test("is not sent again to who has it", async () => {
    const { headers } = await get("/api/docs");
    const again = await world.app.inject({
      url: "/api/docs",
      headers: { "if-none-match": headers.etag as string },
    });
    expect(again.statusCode).toBe(304);
  });
});

/** What the schemas name that Ajv does not know by itself; their patterns stand beside. */
const FORMATS = {
  "date-time": true,
  uri: true,
  "uri-template": true,
  email: true,
  "uri-reference": true,
  regex: true,
} as const;
