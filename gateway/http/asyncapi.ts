/** The AsyncAPI 3 document of the Socket.IO side, made from the tables of requests and of what the server says. */
import type { FastifyInstance } from "fastify";
import * as z from "zod";
import { ChannelEvent } from "../../protocol/events.ts";
import { Refusal } from "../../protocol/refusals.ts";
import { REQUESTS, type RequestName } from "../../protocol/requests.ts";
import { Handshake, PROTOCOL_VERSION } from "../../protocol/session.ts";
import {
  EVENT_EXAMPLES,
  HANDSHAKE_EXAMPLE,
  REQUEST_EXAMPLES,
  TOLD_EXAMPLES,
} from "../reference/socket-examples.ts";
import { TOLD } from "../reference/told.ts";
import type { Json } from "./describe-operations.ts";
import { type ApiDocument, keepDocument, serveDocument } from "./openapi.ts";

/** Registers the document at `/asyncapi.json`. */
export function addAsyncApi(scope: FastifyInstance): ApiDocument {
  const document = keepDocument(makeAsyncApi);
  serveDocument(scope, "/asyncapi.json", document);
  return document;
}

type Message = { name: string; title: string; summary?: string; schema: z.ZodType; examples: unknown[] };

/** The whole document. Names in `components` may not hold a colon, so `message:send` is `message.send` there; `name` keeps it. */
export function makeAsyncApi(): Json {
  const messages = [...handshakes(), ...requests(), ...told()];
  const schemas = toSchemas(messages);
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Hubbub",
      version: `${PROTOCOL_VERSION}`,
      description:
        "Conversations over Socket.IO 4, at the default path and namespace. Each request is an event with one argument, and is acknowledged. REST is described by /api/v1/openapi.json; docs/protocol.md tells the story around both.",
      license: { name: "Apache-2.0" },
    },
    defaultContentType: "application/json",
    servers: {
      node: { host: "localhost:3000", pathname: "/socket.io/", protocol: "socket.io", protocolVersion: "5" },
    },
    channels: {
      socket: {
        address: "/",
        title: "The default namespace",
        servers: [{ $ref: "#/servers/node" }],
        messages: Object.fromEntries(
          messages.map(({ name }) => [keyOf(name), { $ref: `#/components/messages/${keyOf(name)}` }]),
        ),
      },
    },
    operations: operations(),
    components: {
      messages: Object.fromEntries(messages.map((message) => [keyOf(message.name), toMessage(message)])),
      schemas,
    },
  };
}

/** What opens a connection: `auth` of the handshake, and the `data` of a `connect_error`. */
function handshakes(): Message[] {
  return [
    {
      name: "handshake",
      title: "auth of the handshake",
      summary: "What a client brings. Refused with connect_error, else answered with session:ready.",
      schema: Handshake,
      examples: [HANDSHAKE_EXAMPLE],
    },
    {
      name: "connect_error",
      title: "connect_error",
      summary: "The handshake is refused; this is the `data` of the error.",
      schema: Refusal,
      examples: [{ code: "unauthenticated", message: "A valid token is needed.", retry: "never" }],
    },
  ];
}

function requests(): Message[] {
  return requestNames().flatMap((name) => {
    const { request, answer } = REQUESTS[name];
    const example = REQUEST_EXAMPLES[name];
    const done = z.object({ ok: z.literal(true), ...answer.shape });
    const refused = z.object({ ok: z.literal(false), error: Refusal });
    return [
      { name, title: name, schema: request, examples: [example.request] },
      {
        name: `${name}.answer`,
        title: `The acknowledgement of ${name}`,
        schema: z.discriminatedUnion("ok", [done, refused]),
        examples: [{ ok: true, ...example.answer }],
      },
    ];
  });
}

/** `channel:events` shows every kind of event, one an example. */
function told(): Message[] {
  return Object.entries(TOLD).map(([name, { schema, when }]) => ({
    name,
    title: name,
    summary: when,
    schema,
    examples: name === "channel:events" ? envelopes() : [TOLD_EXAMPLES[name as keyof typeof TOLD]],
  }));
}

function envelopes(): object[] {
  const types = ChannelEvent.options.map((option) => option.shape.type.value);
  return types.map((type) => ({ ...TOLD_EXAMPLES["channel:events"], events: [EVENT_EXAMPLES[type]] }));
}

/** Seen from the server: it receives requests and replies, and sends the rest. */
function operations(): Json {
  const receive = (name: string, replies: string[]) => ({
    action: "receive",
    channel: { $ref: "#/channels/socket" },
    messages: [messageOf(name)],
    reply: { channel: { $ref: "#/channels/socket" }, messages: replies.map(messageOf) },
  });
  const send = (name: string) => ({
    action: "send",
    channel: { $ref: "#/channels/socket" },
    messages: [messageOf(name)],
  });
  return Object.fromEntries([
    ["handshake", receive("handshake", ["session:ready", "connect_error"])],
    ...requestNames().map((name) => [keyOf(name), receive(name, [`${name}.answer`])] as const),
    ...Object.keys(TOLD).map((name) => [keyOf(name), send(name)] as const),
  ]);
}

function toMessage({ name, title, summary, examples }: Message): Json {
  return {
    name,
    title,
    ...(summary && { summary }),
    payload: { $ref: `#/components/schemas/${keyOf(name)}` },
    examples: examples.map((payload) => ({ payload })),
  };
}

/** The schema of each message, and of all that they name; AsyncAPI speaks JSON Schema draft 7. */
function toSchemas(messages: readonly Message[]): Json {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of z.globalRegistry._idmap) registry.add(schema as z.ZodType, { id });
  for (const { name, schema } of messages) registry.add(schema.meta({}), { id: keyOf(name) });
  const { schemas } = z.toJSONSchema(registry, {
    target: "draft-7",
    io: "input",
    uri: (id) => `#/components/schemas/${id}`,
  });
  const named: Json = Object.fromEntries(
    Object.entries(schemas).map(([id, { $id, $schema, ...schema }]) => [id, schema]),
  );
  return reachable(
    named,
    messages.map(({ name }) => keyOf(name)),
  );
}

/** Of all schemas, those that can be come to from `names`. */
function reachable(schemas: Json, names: readonly string[]): Json {
  const found = new Set(names);
  for (const name of found) {
    for (const [, next] of JSON.stringify(schemas[name]).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      found.add(next!);
    }
  }
  return Object.fromEntries(Object.entries(schemas).filter(([name]) => found.has(name)));
}

function requestNames(): RequestName[] {
  return Object.keys(REQUESTS) as RequestName[];
}

function messageOf(name: string): { $ref: string } {
  return { $ref: `#/channels/socket/messages/${keyOf(name)}` };
}

function keyOf(name: string): string {
  return name.replaceAll(":", ".");
}
