/**
 * Problem documents (RFC 9457) on every REST error, over every route: `fetchRest` checks status, content type and members of
 * whatever is no success against the table of refusals.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NOT_OFFERED } from "../../gateway/routes/not-offered.ts";
import type { RestOptions } from "../../gateway/routes/rest-options.ts";
import { restRoutes } from "../../gateway/routes/rest-routes.ts";
import { PACKET_BYTES_MAX } from "../../protocol/session.ts";
import { fetchRest, openSite, type Person, type Site } from "./site.ts";

const CHANNEL = "01890000-0000-7000-8000-000000000009";
const ROUTES = restRoutes({} as RestOptions).map(({ method, path, public: isPublic, schemas }) => ({
  line: `${method} ${path}`,
  method,
  path: filled(path),
  isPublic,
  takesBody: schemas.body?.safeParse({}).success === false,
}));
const ABSENT = Object.entries(NOT_OFFERED).flatMap(([path, methods]) =>
  methods.map((method) => ({ line: `${method} ${path}`, method, path: filled(path) })),
);

/** With ids of nothing that is there. */
function filled(path: string): string {
  const id = /^\/(messages|threads)\//.test(path) ? `${CHANNEL}.1` : CHANNEL;
  return path.replace(":id", id).replace(":userId", CHANNEL).replace(":secret", "hush");
}

let site: Site;
let person: Person;
beforeAll(async () => {
  site = await openSite();
  person = await site.person();
});
afterAll(() => site?.close());

describe("every route", () => {
  it.each(ROUTES.filter(({ isPublic }) => !isPublic))(
    "$line: without a token, or with a wrong one",
    async ({ method, path }) => {
      for (const token of [undefined, "not.a.token"])
        expect((await fetchRest(site.url, { method, path }, token)).code).toBe("unauthenticated");
    },
  );

  it.each(ROUTES)("$line: with a field, or a parameter, that there is not", async ({ method, path }) => {
    const stray = { method, path: `${path}?stray=1` };
    expect((await person.rest(stray)).code).toBe("malformed");
    if (method === "GET") return;
    expect((await person.rest({ method, path, body: { stray: 1 } })).code).toBe("malformed");
  });

  it.each(ROUTES.filter(({ path }) => path.includes(CHANNEL)))(
    "$line: with an id that is none",
    async ({ method, path }) => {
      expect((await person.rest({ method, path: path.replace(CHANNEL, "x") })).code).toBe("malformed");
    },
  );

  it.each(ROUTES.filter(({ method }) => method !== "GET"))(
    "$line: with more than a packet holds",
    async ({ method, path }) => {
      const body = { content: "x".repeat(PACKET_BYTES_MAX) };
      expect((await person.rest({ method, path, body })).code).toBe("too_large");
    },
  );

  it.each(ROUTES.filter(({ method }) => method !== "GET"))(
    "$line: with what is no JSON",
    async ({ method, path }) => {
      for (const type of ["application/json", "text/plain", "application/xml"])
        expect((await person.rest({ method, path, raw: { type, text: "{" } })).code).toBe("malformed");
    },
  );

  it.each(ROUTES.filter(({ takesBody }) => takesBody))(
    "$line: without its body",
    async ({ method, path }) => {
      expect((await person.rest({ method, path })).code).toBe("malformed");
    },
  );
});

describe("every path", () => {
  it.each(ABSENT)("$line: not offered", async ({ method, path }) => {
    expect((await person.rest({ method, path })).code).toBe("unsupported");
    expect((await fetchRest(site.url, { method, path })).code).toBe("unauthenticated");
  });

  it.each([...new Set(ROUTES.map(({ path }) => path))])("%s: with a method that it has not", async (path) => {
    const known = [...ROUTES, ...ABSENT].filter((each) => each.path === path).map(({ method }) => method);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"] as const) {
      if (known.includes(method)) continue;
      expect([method, (await person.rest({ method, path })).code]).toEqual([method, "unsupported"]);
    }
  });

  it("that there is not, whoever asks", async () => {
    for (const path of ["/nowhere", "/channels/", `/channels/${CHANNEL}/nothing`, "/users//presence"])
      expect((await person.rest({ method: "GET", path })).code).toMatch(/^(not_found|malformed)$/);
  });
});

it("no request of all these was the node's own fault", () => {
  expect(site.faults).toEqual([]);
});
