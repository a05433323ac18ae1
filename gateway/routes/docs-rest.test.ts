import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { HANDLERS } from "../handlers/table.ts";
import type { RestOptions } from "./rest-options.ts";
import { restRoutes } from "./rest-routes.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

test("docs/protocol.md has every route that is built, in order, and says which are public", () => {
  const rows = [...page.matchAll(/^\| `((?:GET|POST|PUT|PATCH|DELETE) \/\S*)` *\|.*\|([^|]*)\|$/gm)];
  const routes = restRoutes({} as RestOptions);
  expect(rows.map(([, line, isPublic]) => [line, isPublic!.trim()])).toEqual(
    routes.map((route) => [
      `${route.method} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`,
      route.public ? "public" : "",
    ]),
  );
});

test("docs/protocol.md says which events are not built", () => {
  const expected = Object.entries(HANDLERS).map(([event, handler]) => [
    event,
    handler.name === "unsupported" ? "unsupported" : "built",
  ]);
  const rows = [...page.matchAll(/^\| `([a-z]+:[a-z]+)` *\|[^|]*\|[^|]*\| (built|unsupported)/gm)].map(
    ([, event, state]) => [event, state],
  );
  expect(rows).toEqual(expected);
});
