import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { REFUSALS } from "../../protocol/refusals.ts";
import { PACKET_BYTES_MAX } from "../../protocol/session.ts";
import { ACCESS_TTL_MS } from "../auth/tokens.ts";
import { METHODS, type Method } from "../http/route.ts";
import { NOT_OFFERED } from "./not-offered.ts";
import { createRestWorld, id } from "./rest-doubles.ts";
import type { RestOptions } from "./rest-options.ts";
import { restRoutes } from "./rest-routes.ts";
import { BUILT, CHANNEL, MESSAGE, PERSON, patternOf } from "./rest-samples.ts";

type World = Awaited<ReturnType<typeof createRestWorld>>;
let world: World;
let headers: { authorization: string };
/** Tokens that this server signed, and takes no more. */
let spent: string[];
beforeAll(async () => {
  world = await createRestWorld();
  const expired = await world.person(3);
  world.later(ACCESS_TTL_MS + 1);
  const revoked = await world.person(4);
  await world.accounts.revokeAll(revoked.user.id, Number.MAX_SAFE_INTEGER);
  spent = [expired.headers.authorization, revoked.headers.authorization];
  ({ headers } = await world.person(1));
});
afterAll(() => world.app.close());

const line = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;
const table = BUILT.map((row) => [line(row), row] as const);
const withBody = table.filter(([, row]) => row.method !== "GET");
const withToken = table.filter(([, row]) => !row.public);
const withId = table.filter(([, row]) => row.path.includes(id(9)) || row.path.includes(id(2)));

async function ask(
  method: Method,
  path: string,
  more: { payload?: unknown; headers?: Record<string, string> } = {},
) {
  const asked = world.asked.length;
  const response = await world.app.inject({
    method,
    url: `/api/v1${path}`,
    headers: more.headers ?? headers,
    ...("payload" in more && { payload: more.payload as object }),
  });
  return { response, reached: world.asked.length - asked };
}

/** A refusal of the table as a problem document, which reached no owner and tells nothing of us. */
function expectProblem(
  { response, reached }: Awaited<ReturnType<typeof ask>>,
  code: keyof typeof REFUSALS,
  status: number = REFUSALS[code].status,
) {
  expect(response.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  expect(response.json()).toMatchObject({
    type: `urn:hubbub:refusal:${code}`,
    status,
    code,
    retry: REFUSALS[code].retry,
  });
  expect(response.statusCode).toBe(status);
  expect(response.body).not.toMatch(/node_modules|\.ts|at \w+ \(/);
  expect(reached).toBe(0);
}

test("the table has every route of the server", async () => {
  const document = (await world.app.inject({ url: "/api/v1/openapi.json" })).json();
  const built = BUILT.map(({ method, path }) => `${method} ${patternOf(path)}`);
  const paths = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations as object).map(
      (method) => `${method.toUpperCase()} ${path.replace("/api/v1", "").replaceAll(/\{(\w+)\}/g, ":$1")}`,
    ),
  );
  expect(paths.sort()).toEqual([...built].sort());
});

describe("without a valid token", () => {
  test.each(withToken)("%s is unauthenticated, whatever else is wrong", async (_line, { method, path }) => {
    const bad = ["", "Bearer", "Bearer x", "Basic YTpi", `Bearer ${"x".repeat(9_000)}`];
    for (const authorization of [...bad, ...spent]) {
      const answer = await ask(method, path, {
        headers: { ...(authorization && { authorization }) },
        ...(method !== "GET" && { payload: { x: 1 } }),
      });
      expectProblem(answer, "unauthenticated");
      expect(answer.response.headers["www-authenticate"]).toBe("Bearer");
    }
  });
});

describe("an unknown field is malformed", () => {
  test.each(table)("%s: in the query", async (_line, { method, path, body }) => {
    const url = `${path}${path.includes("?") ? "&" : "?"}unknown=1`;
    expectProblem(await ask(method, url, body ? { payload: body } : {}), "malformed");
  });
  test.each(withBody)("%s: in the body", async (_line, { method, path, body }) => {
    expectProblem(await ask(method, path, { payload: { ...body, unknown: 1 } }), "malformed");
  });
});

/** Every field that a route's body may have, those that may be left out among them. */
function fieldsOf(method: Method, path: string): string[] {
  const row = restRoutes({} as RestOptions).find(
    (each) => each.method === method && each.path === patternOf(path),
  );
  const { properties, anyOf } = z.toJSONSchema(row!.schemas.body!, { io: "input" });
  // No body at all is `{}` or null.
  const forms = (anyOf ?? [{ properties }]) as { properties?: object }[];
  return forms.flatMap((form) => Object.keys(form.properties ?? {}));
}
/** What is tried on every field, and right for these. */
const ALLOWED = new Set([`description ""`, "memberIds []", "attachments []", "attempt 7", "keywords []"]);

describe("a body of the wrong kind", () => {
  test.each(withBody)("%s", async (_line, { method, path, body }) => {
    for (const payload of [[], [1], "text", 7])
      expectProblem(
        await ask(method, path, {
          payload: JSON.stringify(payload),
          headers: { ...headers, "content-type": "application/json" },
        }),
        "malformed",
      );
    for (const field of fieldsOf(method, path)) {
      for (const value of [7, true, [], "", "a\0b", "\ud800", "x".repeat(20_000)]) {
        if (ALLOWED.has(`${field} ${JSON.stringify(value)}`)) continue;
        expectProblem(await ask(method, path, { payload: { ...body, [field]: value } }), "malformed");
      }
    }
  });
  test.each(withBody)("%s: what is no JSON, or something else", async (_line, { method, path }) => {
    for (const [type, payload] of [
      ["application/json", "{"],
      ["application/json", '{"__proto__":{}}'],
      ["text/plain", "x"],
      ["application/xml", "<x/>"],
      ["multipart/form-data; boundary=x", "--x--"],
      ["application/octet-stream", "\u0000"],
    ] as const) {
      expectProblem(
        await ask(method, path, { payload, headers: { ...headers, "content-type": type } }),
        "malformed",
      );
    }
  });
  test.each(withBody)("%s: more than a packet is too_large", async (_line, { method, path }) => {
    expectProblem(await ask(method, path, { payload: { x: "x".repeat(PACKET_BYTES_MAX) } }), "too_large");
  });
  test.each(withBody)("%s: deep nesting", async (_line, { method, path }) => {
    const payload = `{"x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`;
    expectProblem(
      await ask(method, path, { payload, headers: { ...headers, "content-type": "application/json" } }),
      "malformed",
    );
  });
});

describe("an id that is none", () => {
  test.each(withId)("%s", async (_line, { method, path, body }) => {
    for (const wrong of [
      "1",
      "not-an-id",
      `${CHANNEL}.0`,
      `${CHANNEL}.01`,
      CHANNEL.toUpperCase().replace("01890000", "0189ABCD"),
    ]) {
      const url = path.replace(MESSAGE, wrong).replace(CHANNEL, wrong).replace(id<string>(2), wrong);
      expectProblem(await ask(method, url, body ? { payload: body } : {}), "malformed");
    }
  });
});

describe("queries", () => {
  const messages = `/channels/${CHANNEL}/messages`;
  test.each([
    `${messages}?limit=0`,
    `${messages}?limit=101`,
    `${messages}?limit=x`,
    `${messages}?limit=1&limit=2`,
    `${messages}?limit=1e1`,
    `${messages}?limit=-1`,
    `${messages}?around=x`,
    `${messages}?around=99999999999999999999`,
    `${messages}?before=`,
    `${messages}?before=${"a".repeat(129)}`,
    "/channels?kind=space",
    "/channels?kind=x",
    "/channels?spaceId=1",
    "/sync",
    "/sync?since=yesterday",
    "/sync?since=2026-11-21",
    `/channels/${CHANNEL}/members?limit=1000`,
    `${messages}?around=8640000000000001`,
    `${messages}?around=-1`,
    "/sync?since=8640000000000001",
    "/sync?since=%2B275760-09-13T00:00:00.001Z",
    `/threads/${MESSAGE}/messages?around=1`,
    `/threads/${MESSAGE}/messages?limit=101`,
    `/channels/${CHANNEL}/receipts`,
    `/channels/${CHANNEL}/receipts?messageId=${CHANNEL}`,
  ])("%s", async (path) => {
    expectProblem(await ask("GET", path), "malformed");
  });
});

describe("sense beyond the schema", () => {
  test.each([
    ["a topic without a space", "/channels", { kind: "topic", name: "one" }],
    ["a private channel without a name", "/channels", { kind: "private" }],
    ["a dm as a channel", "/channels", { kind: "dm", name: "one" }],
    ["a space as a channel", "/channels", { kind: "space", name: "one" }],
    ["a group in a space", "/channels", { kind: "group", spaceId: CHANNEL }],
    [
      "a channel under an id that only dms have",
      "/channels",
      { kind: "private", name: "one", id: "01890000-0000-8000-8000-000000000001" },
    ],
    ["a space under such an id", "/spaces", { name: "one", id: "01890000-0000-8000-8000-000000000001" }],
    ["a blank name", "/spaces", { name: "   " }],
    ["a dm with oneself", "/dm", { userId: id(1) }],
    ["a message of nothing", `/channels/${CHANNEL}/messages`, { clientId: id(7), content: "  " }],
    ["a system message", `/channels/${CHANNEL}/messages`, { clientId: id(7), content: "x", type: "system" }],
    [
      "a clientId from the day after tomorrow",
      `/channels/${CHANNEL}/messages`,
      { clientId: "ff890000-0000-7000-8000-000000000001", content: "x" },
    ],
  ])("%s is malformed", async (_what, path, payload) => {
    expectProblem(await ask("POST", path, { payload }), "malformed");
  });
});

describe("more than a conversation may hold is refused by name", () => {
  const send = `/channels/${CHANNEL}/messages`;
  const said = (more: object) => ({ clientId: id(7), content: "x", ...more });
  const ids = (n: number) => Array.from({ length: n }, (_, i) => `${CHANNEL}.${i + 1}`);
  const emojis = ["1", "#", "a", "👍👍", "👍 👍", ":a b:", ":", "x".repeat(51), "<b>"];
  const bad: [string, Method, string, object?][] = [
    ["4,001 characters", "POST", send, said({ content: "é".repeat(4_001) })],
    ["16,001 characters of code", "POST", send, said({ type: "code", content: "x".repeat(16_001) })],
    ["10,000 mentions", "POST", send, said({ content: "@ann ".repeat(10_000) })],
    ["the language of a text", "POST", send, said({ language: "ts" })],
    ["a reply to no message", "POST", send, said({ replyTo: CHANNEL })],
    ["a thread without a number", "POST", send, said({ threadId: `${CHANNEL}.0` })],
    ["an edit to nothing", "PATCH", `/messages/${MESSAGE}`, { content: "" }],
    ["101 messages at once", "POST", `${send}/delete`, { messageIds: ids(101) }],
    ["no message at all", "POST", `${send}/delete`, { messageIds: [] }],
    ["a role that is none", "PATCH", `/channels/${CHANNEL}/members/${PERSON}`, { role: "king" }],
    ["a mute without a date", "PATCH", `/channels/${CHANNEL}/members/${PERSON}`, { mutedUntilMs: 8.65e15 }],
    ["a ban until never", "DELETE", `/channels/${CHANNEL}/members/${PERSON}?bannedUntilMs=never`],
    ["a ban beyond time", "DELETE", `/channels/${CHANNEL}/members/${PERSON}?bannedUntilMs=8640000000000001`],
    ["slow mode of a day", "PATCH", `/channels/${CHANNEL}`, { settings: { slowModeSeconds: 86_400 } }],
    ["a setting that is none", "PATCH", `/spaces/${CHANNEL}`, { settings: { party: true } }],
    ...emojis.map((emoji): (typeof bad)[number] => [
      `the emoji ${emoji.slice(0, 9)}`,
      "POST",
      `/messages/${MESSAGE}/reactions`,
      { emoji },
    ]),
    ["a number as an emoji", "DELETE", `/messages/${MESSAGE}/reactions?emoji=1`],
  ];
  test.each(bad)("%s: %s %s", async (_what, method, path, payload) => {
    expectProblem(await ask(method, path, payload ? { payload } : {}), "malformed");
  });
});

describe("what this server does not offer", () => {
  const rows = Object.entries(NOT_OFFERED).flatMap(([path, methods]) =>
    methods.map((method) => [`${method} ${path}`, method, path] as const),
  );
  test.each(rows)("%s is unsupported; without a token unauthenticated", async (_line, method, path) => {
    const url = path.replace(":id", id(9)).replace(":secret", "s");
    expectProblem(await ask(method, url), "unsupported");
    expectProblem(await ask(method, url, { headers: {} }), "unauthenticated");
  });
});

describe("paths", () => {
  test.each(table)(
    "%s: other methods are 405, with those that are allowed",
    async (_line, { method, path }) => {
      const url = path.split("?")[0]!;
      const { response } = await ask(METHODS.find((other) => other !== method && !isKnown(other, url))!, url);
      expectProblem({ response, reached: 0 }, "unsupported", 405);
      expect(String(response.headers.allow).split(", ")).toContain(method);
    },
  );
  test.each(["/nothing", `/users/${id(2)}/nothing`, "/spaces/x/y/z/w"])("%s is not_found", async (path) => {
    expectProblem(await ask("GET", path), "not_found");
  });
  test("a path that cannot be decoded is malformed", async () => {
    expectProblem(await ask("GET", "/users/%zz"), "malformed");
  });
});

function isKnown(method: Method, url: string): boolean {
  return (
    BUILT.some((row) => row.method === method && row.path.split("?")[0] === url) ||
    (NOT_OFFERED[patternOf(url)] ?? []).includes(method)
  );
}
