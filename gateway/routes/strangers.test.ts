import { describe, expect, test } from "vitest";
import type { ChannelCommand } from "../../actors/commands.ts";
import { REFUSALS, type RefusalCode, refused } from "../../protocol/refusals.ts";
import { createRestWorld, type Owner } from "./rest-doubles.ts";
import { BUILT, CHANNEL, PERSON, type RestSample } from "./rest-samples.ts";

/** A new command does not compile without its row. */
const COMMANDS: Record<ChannelCommand["type"], true> = {
  create: true,
  send: true,
  join: true,
  leave: true,
  invite: true,
  edit: true,
  delete: true,
  pin: true,
  react: true,
  update: true,
  change_member: true,
  remove_member: true,
  follow: true,
  typing: true,
  message: true,
  open: true,
  sync: true,
  mark: true,
  member: true,
};

/** An owner who refuses whatever is asked. */
function refuses(code: RefusalCode): Owner {
  return Object.fromEntries(Object.keys(COMMANDS).map((type) => [type, () => refused(code)]));
}

/** `known`: the other person whom samples name has an account. */
async function answerTo({ method, path, body }: RestSample, owner: Owner, known = false) {
  const { app, person, asked } = await createRestWorld(owner);
  const { headers } = await person(1);
  if (known) await person(2);
  const response = await app.inject({
    method,
    url: `/api/v1${path}`,
    headers,
    ...(body && { payload: body }),
  });
  return {
    status: response.statusCode,
    type: response.headers["content-type"],
    body: response.json(),
    asked,
  };
}

const table = (names: RestSample["names"]) =>
  BUILT.filter((row) => row.names === names).map((row) => [`${row.method} ${row.path}`, row] as const);

describe("what is not there, or not the caller's", () => {
  test.each(table("channel"))("%s: the owner's refusal is the answer", async (_line, row) => {
    for (const code of ["not_found", "not_a_member", "banned", "unavailable"] as const) {
      const { status, type, body, asked } = await answerTo(row, refuses(code), true);
      expect({ status, code: body.code, retry: body.retry }).toEqual({
        status: REFUSALS[code].status,
        code,
        retry: REFUSALS[code].retry,
      });
      expect(type).toBe("application/problem+json; charset=utf-8");
      expect(asked.map(({ channelId }) => channelId)).toEqual([CHANNEL]);
    }
  });

  test.each(table("person"))(
    "%s: nobody of that id is not_found, and no owner is asked",
    async (_line, row) => {
      const { status, body, asked } = await answerTo(row, {});
      expect([status, body.code, asked]).toEqual([404, "not_found", []]);
    },
  );

  test.each(["channels", "spaces"])(
    "DELETE /%s/{id}/members/{userId}: nobody can be banned who is nobody",
    async (noun) => {
      const owner: Owner = {
        member: () => ({ ok: true, kind: "space" }),
        remove_member: () => refused("not_found"),
      };
      const path = `/${noun}/${CHANNEL}/members/${PERSON}`;
      const asks = async (query: string, known: boolean) => {
        const row = { method: "DELETE", path: `${path}${query}`, names: "channel" } as const;
        const { status, asked } = await answerTo(row, owner, known);
        expect(status).toBe(404);
        return asked.some(({ command }) => command.type === "remove_member");
      };
      for (const query of ["?bannedUntilMs=forever", "?bannedUntilMs=1"]) {
        expect(await asks(query, false)).toBe(false);
        expect(await asks(query, true)).toBe(true);
      }
      // What makes nobody a member is the owner's alone to judge.
      for (const query of ["", "?bannedUntilMs=0"]) expect(await asks(query, false)).toBe(true);
    },
  );

  test("a sample that carries an id says of what", () => {
    for (const { path, body, names } of BUILT) {
      const carried = `${path} ${JSON.stringify(body)}`;
      const told = carried.includes(CHANNEL) ? "channel" : carried.includes(PERSON) ? "person" : "nothing";
      expect([path, names]).toEqual([path, told]);
    }
  });
});
