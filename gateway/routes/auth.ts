/** `/auth`: accounts and log-ins. */
import * as z from "zod";
import { type Refused, refused } from "../../protocol/refusals.ts";
import { Login, Register, SignedIn, WithRefreshToken } from "../../protocol/rest.ts";
import { type Route, route } from "../http/route.ts";
import type { RestOptions } from "./rest-options.ts";

const Nothing = z.object({});

export function authRoutes({ signIns, accountRates, ownAccounts }: RestOptions): Route[] {
  const unlessOwn = (): Refused | undefined =>
    ownAccounts ? undefined : refused("unsupported", { message: "Accounts of this server are elsewhere." });
  return [
    route("POST /auth/register", {
      summary: "Make an account and log in",
      public: true,
      body: Register,
      answer: SignedIn,
      statuses: [201],
      async handle({ body, address }) {
        const elsewhere = unlessOwn();
        if (elsewhere) return elsewhere;
        const taken = await accountRates.takeRegistration(address);
        return taken.ok ? signIns.register(body) : taken;
      },
    }),
    route("POST /auth/login", {
      summary: "Log in",
      public: true,
      body: Login,
      answer: SignedIn,
      async handle({ body, address }) {
        const elsewhere = unlessOwn();
        if (elsewhere) return elsewhere;
        const taken = await accountRates.takeLogin(address, body.login);
        return taken.ok ? signIns.logIn(body) : taken;
      },
    }),
    route("POST /auth/refresh", {
      summary: "Swap a refresh token for the next; one used twice ends its log-in",
      public: true,
      body: WithRefreshToken,
      answer: SignedIn,
      handle: ({ body }) => signIns.refresh(body.refreshToken),
    }),
    route("POST /auth/logout", {
      summary: "End one log-in",
      public: true,
      body: WithRefreshToken,
      answer: Nothing,
      handle: ({ body }) => signIns.logOut(body.refreshToken),
    }),
    route("POST /auth/revoke-all", {
      summary: "Void every token of the caller, on all devices",
      answer: Nothing,
      handle: ({ userId }) => signIns.revokeAll(userId),
    }),
  ];
}
