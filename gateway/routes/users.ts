/** `/users`: who is who. */
import * as z from "zod";
import type { UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { UserPath } from "../../protocol/rest.ts";
import { User } from "../../protocol/users.ts";
import { type Route, route } from "../http/route.ts";
import type { RestOptions } from "./rest-options.ts";

const WithUser = z.object({ user: User });

export function userRoutes({ accounts }: RestOptions): Route[] {
  async function one(id: UserId): Promise<Answer<z.infer<typeof WithUser>>> {
    const [user] = await accounts.users([id]);
    return user ? { ok: true, user } : refused("not_found");
  }
  return [
    route("GET /users/me", { summary: "The caller", answer: WithUser, handle: ({ userId }) => one(userId) }),
    route("GET /users/:id", {
      summary: "One person",
      params: UserPath,
      answer: WithUser,
      handle: ({ params }) => one(params.id),
    }),
  ];
}
