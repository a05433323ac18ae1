import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import { recordingLogger } from "../doubles.ts";
import { createRestWorld } from "../routes/rest-doubles.ts";

type World = Awaited<ReturnType<typeof createRestWorld>>;
let world: World;
beforeAll(async () => {
  world = await createRestWorld();
});
afterAll(() => world.app.close());

describe("the page", () => {
  test("is served with a policy that runs and loads nothing from elsewhere, and nothing inline", async () => {
    const { statusCode, headers, body } = await world.app.inject({ url: "/" });
    expect(statusCode).toBe(200);
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).not.toMatch(/unsafe|data:|https?:|\*/);
    expect(body).not.toMatch(/<script>|<style>|\sstyle=|\son\w+=/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });

  test("names only files that are there, of the right kind", async () => {
    const html = (await world.app.inject({ url: "/" })).body;
    const scripts = ["main.js", "connection.js", "channel-store.js", "outbox.js", "rest.js", "view.js"];
    const imported = (
      await Promise.all(scripts.map(async (file) => (await world.app.inject({ url: `/${file}` })).body))
    ).flatMap((text) => [...text.matchAll(/from "\.\/([\w.-]+)"/g)].map(([, file]) => file!));
    const named = [...html.matchAll(/(?:href|src)="([\w.-]+)"/g)].map(([, file]) => file!);
    for (const file of [...named, ...imported]) {
      const { statusCode, headers } = await world.app.inject({ url: `/${file}` });
      expect([file, statusCode]).toEqual([file, 200]);
      expect(headers["content-type"]).toMatch(
        { js: /^text\/javascript/, css: /^text\/css/, svg: /^image\/svg/ }[file.split(".").at(-1)!]!,
      );
    }
    expect(imported).toContain("socket.io.js");
  });

  test("is small on the wire and not sent twice", async () => {
    const plain = await world.app.inject({ url: "/main.js" });
    const zipped = await world.app.inject({ url: "/main.js", headers: { "accept-encoding": "gzip" } });
    expect(zipped.headers["content-encoding"]).toBe("gzip");
    expect(zipped.rawPayload.length).toBeLessThan(plain.rawPayload.length / 2);
    const again = await world.app.inject({
      url: "/main.js",
      headers: { "if-none-match": String(plain.headers.etag) },
    });
    expect([again.statusCode, again.body]).toEqual([304, ""]);
  });
});

describe("other sites", () => {
  test("are not told that they may call", async () => {
    const { headers } = await world.app.inject({
      url: "/api/v1/users/me",
      headers: { origin: "https://e.org" },
    });
    expect(headers["access-control-allow-origin"]).toBeUndefined();
  });
  test("that are named may, and no others", async () => {
    const { app } = await createRestWorld({}, { origins: ["https://e.org"] } as object);
    const allowed = async (origin: string) =>
      (
        await app.inject({
          method: "OPTIONS",
          url: "/api/v1/spaces",
          headers: { origin, "access-control-request-method": "POST" },
        })
      ).headers["access-control-allow-origin"];
    expect(await allowed("https://e.org")).toBe("https://e.org");
    expect(await allowed("https://e.org.evil.org")).toBeUndefined();
    expect(await allowed("null")).toBeUndefined();
  });
});

describe("what we break ourselves", () => {
  test("is unavailable, in the log with its stack, and without a word of it to the client", async () => {
    const { app, person } = await createRestWorld({
      open: () => {
        throw new Error("a secret of ours");
      },
    });
    const { headers } = await person(1);
    const { statusCode, body } = await app.inject({
      url: "/api/v1/channels/01890000-0000-7000-8000-000000000009",
      headers,
    });
    expect([statusCode, JSON.parse(body).code]).toEqual([503, "unavailable"]);
    expect(body).not.toMatch(/secret|Error|stack/);
  });
  test("an answer that breaks its schema is not sent", async () => {
    const { app, person } = await createRestWorld({ open: () => ({ ok: true, channel: { id: "x" } }) });
    const { headers } = await person(1);
    expect(
      (await app.inject({ url: "/api/v1/channels/01890000-0000-7000-8000-000000000009", headers }))
        .statusCode,
    ).toBe(503);
  });
  test("StoreAway is said in the same form", async () => {
    const { app } = await createRestWorld(
      {},
      { signIns: { refresh: () => Promise.reject(new StoreAway()) } as never },
    );
    const { statusCode, body } = await app.inject({
      method: "POST",
      url: "/api/v1/auth/refresh",
      payload: { refreshToken: "a".repeat(43) },
    });
    expect([statusCode, JSON.parse(body)]).toMatchObject([503, { code: "unavailable", retryAfterMs: 2_000 }]);
  });
});

test("the log names what failed here, and nothing that clients did wrong", async () => {
  const { logger, said } = recordingLogger("warn");
  const away = { refresh: () => Promise.reject(new StoreAway()) };
  const { app, person } = await createRestWorld({}, { logger, signIns: away } as object);
  const { headers } = await person(1);
  for (const url of [
    "/api/v1/search",
    "/api/v1/users/me?x=1",
    "/api/v1/users/x",
    "/nothing",
    "/api/v1/spaces",
  ])
    for (const each of [headers, {}]) await app.inject({ url, headers: each });
  expect(said).toEqual([]);
  const payload = { refreshToken: "a".repeat(43) };
  await app.inject({ method: "POST", url: "/api/v1/auth/refresh", payload });
  expect(said).toEqual(["slow or failed request"]);
});

describe("requests", () => {
  test("carry an id through, the client's own where it is harmless", async () => {
    const idOf = async (given: string) =>
      (await world.app.inject({ url: "/", headers: { "x-request-id": given } })).headers["x-request-id"];
    expect(await idOf("abc-1")).toBe("abc-1");
    expect(await idOf("a b\u00e9")).toMatch(/^[0-9a-f-]{36}$/);
  });
  test("of a trusted proxy come from whom it names; of others, from themselves", async () => {
    const seen: string[] = [];
    const accountRates = {
      takeLogin: async (address: string) => {
        seen.push(address);
        return { ok: true as const };
      },
      takeRegistration: never,
      takeRequest: never,
    };
    const payload = { login: "ann", password: "x" };
    const headers = { "x-forwarded-for": "9.9.9.9, 1.2.3.4" };
    for (const trustedProxies of [0, 1]) {
      const { app } = await createRestWorld({}, { accountRates, trustedProxies } as object);
      await app.inject({
        method: "POST",
        url: "/api/v1/auth/login",
        payload,
        headers,
        remoteAddress: "10.0.0.1",
      });
    }
    expect(seen).toEqual(["10.0.0.1", "1.2.3.4"]);
  });
  test("that are no HTTP get a problem and the door", async () => {
    await world.app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = world.app.server.address() as { port: number };
    for (const [bytes, status] of [
      ["nonsense\r\n\r\n", "400 Bad Request"],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    ] as const) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.write(bytes);
      await once(socket, "close");
      expect(answer).toContain(`HTTP/1.1 ${status}`);
      expect(answer).toContain("application/problem+json");
    }
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  });
});

async function never(): Promise<never> {
  throw new Error("not asked");
}

test("the OpenAPI document names every component that it refers to, and none twice", async () => {
  const document = (await world.app.inject({ url: "/api/v1/openapi.json" })).json();
  expect(document.openapi).toBe("3.1.0");
  const referred = new Set(
    [...JSON.stringify(document).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name!),
  );
  expect(Object.keys(document.components.schemas).sort()).toEqual([...referred].sort());
  expect(document.paths["/api/v1/channels/{id}/messages"].post.responses).toMatchObject({
    200: {},
    201: {},
    default: {},
  });
  expect(document.paths["/api/v1/auth/login"].post.security).toEqual([]);
});
