/** The readable page of the API, made from the OpenAPI and AsyncAPI documents: no script, nothing from another host. */
import { type Html, html } from "./html.ts";
import { fieldHtml, nameOfThing, type Schema, schemaHtml } from "./schema-html.ts";

type Content = Record<string, { schema: Schema; example?: unknown }>;
type Parameter = { name: string; in: string; required?: boolean; schema: Schema; description?: string };
type Operation = {
  summary: string;
  tags: string[];
  security: unknown[];
  parameters?: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content?: Content }>;
};
type Message = { name: string; summary?: string; payload: Schema; examples: { payload: unknown }[] };
type Components = { schemas: Record<string, Schema> };

/** What of the two documents the page shows. */
export type Documents = {
  openapi: { paths?: Record<string, Record<string, Operation>>; components?: Components };
  asyncapi: { components?: Components & { messages: Record<string, Message> } };
};

type Entry = { id: string; title: Html; body: Html };
type Group = { title: string; entries: Entry[] };

/** The whole page. */
export function referencePage({ openapi, asyncapi }: Documents): string {
  const { messages: named, schemas } = asyncapi.components!;
  const messages = Object.values(named).map((message) => ({
    ...message,
    payload: schemas[message.payload.$ref!.split("/").at(-1)!]!,
  }));
  const groups = [...routeGroups(openapi.paths ?? {}), ...eventGroups(messages), thingsOf(openapi, asyncapi)];
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hubbub: API</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/api/docs.css">
</head>
<body>
<nav aria-label="Contents">${groups.map(contents)}</nav>
<main>
<h1>Hubbub: API</h1>
<p>Made from <a href="/api/v1/openapi.json">openapi.json</a> (REST) and <a href="/api/v1/asyncapi.json">asyncapi.json</a> (Socket.IO). Fields with <span class="may">?</span> may be absent; a request with a field that is not listed is refused. Every refusal is a <a href="#thing-Refusal">Refusal</a>, over REST a <a href="#thing-Problem">Problem</a>.</p>
${groups.map(section)}
</main>
</body>
</html>
`.html;
}

function contents({ title, entries }: Group): Html {
  const links = entries.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  return html`<h2>${title}</h2><ul>${links}</ul>`;
}

function section({ title, entries }: Group): Html {
  const articles = entries.map(
    ({ id, title, body }) =>
      html`<article id="${id}"><h3><a href="#${id}">${title}</a></h3>${body}</article>`,
  );
  return html`<section><h2>${title}</h2>${articles}</section>`;
}

/** Routes by the first word of their path. */
function routeGroups(paths: Record<string, Record<string, Operation>>): Group[] {
  const groups = new Map<string, Entry[]>();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const title = `REST: ${operation.tags[0]}`;
      groups.set(title, [...(groups.get(title) ?? []), routeEntry(method.toUpperCase(), path, operation)]);
    }
  }
  return [...groups].map(([title, entries]) => ({ title, entries }));
}

function routeEntry(method: string, path: string, operation: Operation): Entry {
  const parameters = operation.parameters ?? [];
  const statuses = Object.entries(operation.responses).filter(([status]) => status !== "default");
  const [, answer] = statuses[0]!;
  return {
    id: `${method}-${path.replaceAll(/\W+/g, "-").replaceAll(/^-|-$/g, "")}`.toLowerCase(),
    title: html`<b class="method">${method}</b> ${path.replace("/api/v1", "")}`,
    body: html`<p>${operation.summary}. ${operation.security.length === 0 ? "Needs no token." : ""}</p>
${parameters.length > 0 && html`<h4>Parameters</h4><ul class="fields">${parameters.map(parameterHtml)}</ul>`}
${operation.requestBody && contentHtml("Body", operation.requestBody.content)}
${contentHtml(`Answer (${statuses.map(([status]) => status).join(" or ")})`, answer.content!)}`,
  };
}

function parameterHtml({ name, in: place, required, schema, description }: Parameter): Html {
  return fieldHtml(
    `${name}${place === "path" ? " (path)" : ""}`,
    { ...schema, description },
    required ?? false,
  );
}

function contentHtml(title: string, content: Content): Html {
  const { schema, example } = content["application/json"]!;
  return html`<h4>${title}</h4>${schemaHtml(schema)}${exampleHtml(example)}`;
}

/** A request stands with its acknowledgement. */
function eventGroups(messages: readonly Message[]): Group[] {
  const answers = new Map(
    messages
      .filter(({ name }) => name.endsWith(".answer"))
      .map((answer) => [answer.name.slice(0, -7), answer]),
  );
  const others = messages.filter(({ name }) => !name.endsWith(".answer"));
  const requests = others.filter(({ name }) => answers.has(name));
  const handshakes = others.filter(({ name }) => /^(handshake|connect_error)$/.test(name));
  const told = others.filter((message) => !requests.includes(message) && !handshakes.includes(message));
  return [
    { title: "Socket.IO: connecting", entries: handshakes.map((message) => eventEntry(message)) },
    {
      title: "Socket.IO: requests",
      entries: requests.map((request) => eventEntry(request, answers.get(request.name))),
    },
    { title: "Socket.IO: what the server says", entries: told.map((message) => eventEntry(message)) },
  ];
}

function eventEntry(message: Message, answer?: Message): Entry {
  return {
    id: `event-${message.name.replace(":", "-")}`,
    title: html`${message.name}`,
    body: html`${message.summary && html`<p>${message.summary}</p>`}
<h4>${answer ? "Request" : "Payload"}</h4>${payloadHtml(message)}
${answer && html`<h4>Acknowledgement</h4>${payloadHtml(answer)}`}`,
  };
}

function payloadHtml({ payload, examples }: Message): Html {
  return html`${schemaHtml(payload)}${examples.map((example) => exampleHtml(example.payload))}`;
}

/** Everything with a name that requests, answers and events speak of. */
function thingsOf(openapi: Documents["openapi"], asyncapi: Documents["asyncapi"]): Group {
  const things = new Map<string, Schema>();
  for (const schemas of [asyncapi.components!.schemas, openapi.components!.schemas]) {
    for (const [component, schema] of Object.entries(schemas)) {
      const name = nameOfThing(component);
      if (/^[A-Z]/.test(name) && !things.has(name)) things.set(name, schema);
    }
  }
  const entries = [...things].sort(([a], [b]) => a.localeCompare(b, "en"));
  return {
    title: "Things",
    entries: entries.map(([name, schema]) => ({
      id: `thing-${name}`,
      title: html`${name}`,
      body: html`${schema.description && html`<p>${schema.description}</p>`}${schemaHtml(schema)}`,
    })),
  };
}

function exampleHtml(example: unknown): Html {
  return html`${example !== undefined && html`<pre>${JSON.stringify(example, null, 2)}</pre>`}`;
}
