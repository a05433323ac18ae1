import { describe, expect, test } from "vitest";
import type { UserId } from "../../protocol/ids.ts";
import { createRestWorld, id } from "../routes/rest-doubles.ts";

const BASE = "/api/v1/auth";
const ann = { username: "ann", password: "0123456789" };

async function auth() {
  const world = await createRestWorld();
  const post = async (path: string, payload: object, headers = {}) => {
    const response = await world.app.inject({ method: "POST", url: `${BASE}/${path}`, payload, headers });
    return { status: response.statusCode, ...response.json() };
  };
  return { ...world, post };
}

describe("row P1: log-ins", () => {
  test("begin with registering, by username or e-mail, without case", async () => {
    const { post } = await auth();
    const made = await post("register", { ...ann, email: "Ann@example.org", displayName: "Ann" });
    expect(made).toMatchObject({ status: 201, user: { username: "ann", displayName: "Ann" } });
    for (const login of ["ann", "ANN", "ann@EXAMPLE.org"]) {
      expect(await post("login", { login, password: ann.password })).toMatchObject({
        status: 200,
        user: { id: made.user.id },
      });
    }
  });

  test("answer a wrong password and an unknown login alike", async () => {
    const { post } = await auth();
    await post("register", ann);
    const wrong = await post("login", { login: "ann", password: "another one" });
    const unknown = await post("login", { login: "bob", password: "another one" });
    expect(wrong).toMatchObject({ status: 401, code: "unauthenticated" });
    expect(unknown).toEqual(wrong);
  });

  test("a repeated registration logs in to the first; with another password it is a conflict", async () => {
    const { post } = await auth();
    const request = { ...ann, id: id(7) };
    const first = await post("register", request);
    const again = await post("register", request);
    expect(again).toMatchObject({ status: 201, user: first.user });
    expect(again.refreshToken).not.toBe(first.refreshToken);
    // Id and username are known to everyone: they must not be enough to come in.
    expect(await post("register", { ...request, password: "guessed it!" })).toMatchObject({
      status: 409,
      code: "conflict",
    });
  });

  test.each([
    ["a taken username, in other case", { ...ann, username: "ANN" }],
    ["a name that means everyone", { ...ann, username: "Everyone" }],
    ["an id of someone else", { ...ann, username: "bob", id: id(1) }],
  ])("refuse %s", async (_what, request) => {
    const { post } = await auth();
    await post("register", { ...ann, id: id(1) });
    expect(await post("register", request)).toMatchObject({ status: 409, code: "conflict" });
  });

  test("are kept alive by a refresh token that works once; its second use ends the whole family", async () => {
    const { post } = await auth();
    const first = await post("register", ann);
    const second = await post("refresh", { refreshToken: first.refreshToken });
    expect(second).toMatchObject({ status: 200, user: first.user });
    expect(await post("refresh", { refreshToken: first.refreshToken })).toMatchObject({ status: 401 });
    expect(await post("refresh", { refreshToken: second.refreshToken })).toMatchObject({ status: 401 });
  });

  test("end by logging out, of that device alone", async () => {
    const { post } = await auth();
    const phone = await post("register", ann);
    const laptop = await post("login", { login: "ann", password: ann.password });
    expect(await post("logout", { refreshToken: phone.refreshToken })).toEqual({ status: 200 });
    expect(await post("refresh", { refreshToken: phone.refreshToken })).toMatchObject({ status: 401 });
    expect(await post("refresh", { refreshToken: laptop.refreshToken })).toMatchObject({ status: 200 });
  });

  test("rule E3: revoking all voids the tokens that were issued, not the next ones", async () => {
    const { post, later, app, tokens } = await auth();
    const { token, user } = await post("register", ann);
    const headers = { authorization: `Bearer ${token}` };
    expect(await post("revoke-all", {}, headers)).toEqual({ status: 200 });
    expect((await app.inject({ url: "/api/v1/users/me", headers })).statusCode).toBe(401);
    later(1);
    const next = { authorization: `Bearer ${tokens.issueToken(user.id as UserId).token}` };
    expect((await app.inject({ url: "/api/v1/users/me", headers: next })).statusCode).toBe(200);
  });
});
