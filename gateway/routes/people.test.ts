import { describe, expect, test } from "vitest";
import type { SessionCommand } from "../../actors/commands.ts";
import type { Router } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { createAsker, id, opens, someChannel } from "./rest-doubles.ts";

const ANN = id<UserId>(1);
const BOB = id<UserId>(2);

/** Ann asks; session actors answer with `answer` and their commands are kept. */
async function asker(answer: Answer = { ok: true }) {
  const told: { userId: UserId; command: SessionCommand }[] = [];
  const router = {
    askUser: async (userId: UserId, command: SessionCommand) => {
      told.push({ userId, command });
      return answer;
    },
  } as unknown as Router;
  return { told, ...(await createAsker({}, { router })) };
}

describe("row P2: the caller's profile", () => {
  test("changes where they say so, and everyone sees it", async () => {
    const { ask } = await asker();
    const changes = { displayName: "Ann A.", bio: "Hello.", avatarUrl: "https://a.example/ann.png?s=64" };
    expect(await ask("PATCH /users/me", changes)).toMatchObject({ status: 200, body: { user: changes } });
    const bare = await ask("PATCH /users/me", { bio: null, avatarUrl: null });
    expect(bare.body.user).toEqual({
      id: ANN,
      username: "ann",
      displayName: "Ann A.",
      bot: false,
      createdAtMs: 1,
    });
    expect((await ask(`GET /users/${ANN}`)).body).toEqual(bare.body);
  });

  test.each([
    ["http", "http://a.example/1.png"],
    ["a script", "javascript:alert(1)"],
    ["data", "data:image/png;base64,AAAA"],
    ["credentials", "https://me:secret@a.example/1.png"],
    ["white space", "https://a.example/1 2.png"],
    ["a line break", "https://a.example/1\n2.png"],
    ["a quote", 'https://a.example/"onerror="x'],
    ["no host", "https://"],
    ["2,001 characters", `https://a.example/${"x".repeat(1_983)}`],
  ])("has no picture with %s", async (_what, avatarUrl) => {
    const { ask } = await asker();
    expect(await ask("PATCH /users/me", { avatarUrl })).toMatchObject({
      status: 400,
      body: { code: "malformed" },
    });
  });

  test("a picture's URL has 2,000 characters at most", async () => {
    const { ask } = await asker();
    expect(
      (await ask("PATCH /users/me", { avatarUrl: `https://a.example/${"x".repeat(1_982)}` })).status,
    ).toBe(200);
  });
});

describe("row P2: the search of people", () => {
  test("answers with people, as many as are asked for", async () => {
    const { ask, person } = await asker();
    for (const n of [3, 4, 5]) await person(n, `zed${n}`);
    const found = await ask("GET /users/search?q=zed&limit=2");
    expect(found.body.users.map(({ username }: { username: string }) => username)).toEqual(["zed3", "zed4"]);
  });

  test.each(["", "?q=", "?q=%20", `?q=${"x".repeat(65)}`, "?q=a&limit=0", "?q=a&limit=51", "?q=a%00"])(
    "refuses %s",
    async (query) => {
      const { ask } = await asker();
      expect(await ask(`GET /users/search${query}`)).toMatchObject({ status: 400 });
    },
  );
});

describe("row P4: presence", () => {
  test("is asked of the person's session actor, as the caller sees them", async () => {
    const presence = { userId: BOB, status: "dnd", text: "busy" };
    const { ask, told } = await asker({ ok: true, presence } as Answer);
    expect(await ask(`GET /users/${BOB}/presence`)).toMatchObject({ status: 200, body: { presence } });
    expect(told).toEqual([{ userId: BOB, command: { type: "presence", viewer: ANN } }]);
  });

  test("of nobody is not_found, and no actor is made for them", async () => {
    const { ask, told } = await asker();
    expect(await ask(`GET /users/${id(77)}/presence`)).toMatchObject({ status: 404 });
    expect(told).toEqual([]);
  });
});

describe("row S6: keys", () => {
  test("are the person's to set and anyone's to read", async () => {
    const { ask } = await asker();
    const key = { keyId: "one", algorithm: "x25519", key: "AAAA" };
    expect(await ask(`GET /users/${ANN}/keys`)).toMatchObject({ status: 404 });
    expect(await ask("PUT /users/me/keys", key)).toMatchObject({ status: 200, body: {} });
    expect((await ask(`GET /users/${ANN}/keys`)).body).toEqual({ key });
  });
});

describe("row N3: settings", () => {
  test("start with the defaults; what is not said stays", async () => {
    const { ask } = await asker();
    const defaults = { timeZone: "UTC", quietHours: null, digest: "off", keywords: [] };
    expect((await ask("GET /users/me/settings")).body).toEqual({ settings: defaults });
    const changes = { timeZone: "Europe/Berlin", quietHours: { fromMinute: 1_320, toMinute: 420 } };
    await ask("PATCH /users/me/settings", changes);
    expect((await ask("PATCH /users/me/settings", { keywords: ["deploy"] })).body).toEqual({
      settings: { ...defaults, ...changes, keywords: ["deploy"] },
    });
  });

  test.each([
    { timeZone: "Mars/Olympus" },
    { quietHours: { fromMinute: 1_440, toMinute: 0 } },
    { quietHours: { fromMinute: 0 } },
    { digest: "sometimes" },
    { keywords: Array(51).fill("x") },
    { keywords: [""] },
  ])("refuse %j", async (changes) => {
    const { ask } = await asker();
    expect(await ask("PATCH /users/me/settings", changes)).toMatchObject({ status: 400 });
  });

  test("of a channel are kept for whoever may open it, and for nobody else", async () => {
    const CHANNEL = id(9);
    const inside = await createAsker(opens(someChannel(CHANNEL as never)));
    const line = `PATCH /channels/${CHANNEL}/members/me`;
    expect(await inside.ask(line, { notify: "mentions" })).toMatchObject({
      status: 200,
      body: { notify: "mentions" },
    });
    expect([...inside.people.notify]).toEqual([[`${ANN} ${CHANNEL}`, "mentions"]]);
    const outside = await createAsker({ open: () => refused("not_a_member") });
    expect(await outside.ask(line, { notify: "none" })).toMatchObject({
      status: 403,
      body: { code: "not_a_member" },
    });
    expect([...outside.people.notify]).toEqual([]);
  });
});

describe("row P7: a block", () => {
  const [PUT, DELETE] = [`PUT /users/${BOB}/block`, `DELETE /users/${BOB}/block`];

  test("is told to both session actors once Postgres has it; a repeat is harmless", async () => {
    const { ask, told } = await asker();
    const both = (blocked: boolean) => [
      { userId: ANN, command: { type: "block", userId: BOB, blocked } },
      { userId: BOB, command: { type: "block", userId: ANN, blocked, byThem: true } },
    ];
    for (const line of [PUT, PUT]) expect(await ask(line)).toMatchObject({ status: 200, body: {} });
    expect((await ask("GET /users/me/blocks")).body.users).toMatchObject([{ id: BOB, username: "bob" }]);
    for (const line of [DELETE, DELETE]) expect((await ask(line)).status).toBe(200);
    expect((await ask("GET /users/me/blocks")).body.users).toEqual([]);
    expect(told).toEqual([both(true), both(true), both(false), both(false)].flat());
  });

  test("of oneself is malformed, of nobody not_found", async () => {
    const { ask, told } = await asker();
    for (const method of ["PUT", "DELETE"]) {
      expect(await ask(`${method} /users/${ANN}/block`)).toMatchObject({ status: 400 });
      expect(await ask(`${method} /users/${id(77)}/block`)).toMatchObject({ status: 404 });
    }
    expect(told).toEqual([]);
  });

  test("stands also when an actor cannot be told, and the answer asks to try again", async () => {
    const { ask } = await asker(refused("unavailable"));
    expect(await ask(PUT)).toMatchObject({ status: 503, body: { code: "unavailable", retry: "later" } });
    expect((await ask("GET /users/me/blocks")).body.users).toMatchObject([{ id: BOB }]);
  });

  test("beyond as many as one may have is forbidden", async () => {
    const { ask, people, told } = await asker();
    people.setBlock = async () => false;
    expect(await ask(PUT)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(told).toEqual([]);
  });
});

test("row P1: where accounts are elsewhere, nobody registers or logs in here; a session goes on", async () => {
  const { ask, accounts } = await createAsker({}, { ownAccounts: false });
  const login = { login: "ann", password: "secret of the tests" };
  expect(await ask("POST /auth/login", login)).toMatchObject({ status: 501, body: { code: "unsupported" } });
  expect(
    await ask("POST /auth/register", { username: "eve", password: "secret of the tests" }),
  ).toMatchObject({ status: 501 });
  expect(accounts.all().map(({ username }) => username)).toEqual(["ann", "bob"]);
  expect((await ask("GET /users/me")).status).toBe(200);
});
