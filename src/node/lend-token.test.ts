import { expect, it } from "vitest";
import { createTokens } from "../../gateway/auth/tokens.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { User } from "../../protocol/users.ts";
import { tokenLender } from "./lend-token.ts";

const ID = "01890000-0000-7000-8000-000000000001" as UserId;
const ada: User = { id: ID, username: "ada", displayName: "Ada", bot: false, createdAtMs: 1 };
const accounts = {
  users: async (ids: readonly UserId[]) => (ids.includes(ID) ? [ada] : []),
  byUsernames: async (names: readonly string[]) => (names.includes("ada") ? [ada] : []),
};
const tokens = createTokens({
  secret: "a secret of the tests, 32 bytes ok",
  issuer: "hubbub",
  audience: "hubbub",
  nowMs: () => 1_000,
});

it("lends a valid token for five minutes, by id or username", async () => {
  for (const named of ["ada", ID]) {
    const lent = await tokenLender(accounts, tokens)(named);
    expect(lent).toMatchObject({ user: { username: "ada" }, expiresAtMs: 301_000 });
    expect(tokens.verifyToken(lent!.token)).toMatchObject({ userId: ID, expiresAtMs: 301_000 });
  }
});

it("lends none of a person who is not there", async () => {
  expect(await tokenLender(accounts, tokens)("bob")).toBeUndefined();
  expect(await tokenLender(accounts, tokens)(ID.replace("1", "2"))).toBeUndefined();
});
