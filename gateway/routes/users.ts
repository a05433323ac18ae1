/** `/users`: who is who, what they say of themselves, and how to write to them so that only they can read it. */
import * as z from "zod";
import type { UserId } from "../../protocol/ids.ts";
import { PublicKey } from "../../protocol/people.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { Nothing } from "../../protocol/requests.ts";
import { PeopleQuery, SEARCH_DEFAULT, UserPath } from "../../protocol/rest.ts";
import { Presence } from "../../protocol/signals.ts";
import { ProfileChanges, User } from "../../protocol/users.ts";
import { type Route, route } from "../http/route.ts";
import type { RestOptions } from "./rest-options.ts";

const WithUser = z.object({ user: User });

export function userRoutes(options: RestOptions): Route[] {
  const { accounts, people, router } = options;
  async function one(id: UserId): Promise<Answer<z.infer<typeof WithUser>>> {
    const [user] = await accounts.users([id]);
    return user ? { ok: true, user } : refused("not_found");
  }
  return [
    route("GET /users/me", { summary: "The caller", answer: WithUser, handle: ({ userId }) => one(userId) }),
    route("PATCH /users/me", {
      summary: "Change the caller's profile; null takes away what it had",
      body: ProfileChanges,
      answer: WithUser,
      async handle({ body, userId }) {
        const user = await people.update(userId, body);
        return user ? { ok: true, user } : refused("not_found");
      },
    }),
    route("GET /users/search", {
      summary: "People whose name begins with this or resembles it, best first",
      query: PeopleQuery,
      answer: z.object({ users: z.array(User) }),
      async handle({ query: { q, limit = SEARCH_DEFAULT }, userId }) {
        return { ok: true, users: await people.search(q, userId, limit) };
      },
    }),
    route("GET /users/:id", {
      summary: "One person",
      params: UserPath,
      answer: WithUser,
      handle: ({ params }) => one(params.id),
    }),
    route("GET /users/:id/presence", {
      summary: "How the caller sees someone now; offline where one of the two blocked the other",
      params: UserPath,
      answer: z.object({ presence: Presence }),
      async handle({ params, userId, trace }) {
        const found = await one(params.id);
        return found.ok ? router.askUser(params.id, { type: "presence", viewer: userId }, trace) : found;
      },
    }),
    ...keyRoutes(options),
  ];
}

function keyRoutes({ people }: RestOptions): Route[] {
  return [
    route("PUT /users/me/keys", {
      summary: "Set the caller's public encryption key, in place of the one before",
      body: PublicKey,
      answer: Nothing,
      async handle({ body, userId }) {
        await people.setKey(userId, body);
        return { ok: true };
      },
    }),
    route("GET /users/:id/keys", {
      summary: "Someone's public encryption key",
      params: UserPath,
      answer: z.object({ key: PublicKey }),
      async handle({ params }) {
        const key = await people.key(params.id);
        return key ? { ok: true, key } : refused("not_found");
      },
    }),
  ];
}
