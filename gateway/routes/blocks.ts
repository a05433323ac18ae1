/** Blocks (row P7): no dm, no mention, no presence between the two. Profiles stay visible. */
import * as z from "zod";
import type { Trace } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import { type Answer, refused } from "../../protocol/refusals.ts";
import { Nothing } from "../../protocol/requests.ts";
import { UserPath } from "../../protocol/rest.ts";
import { User } from "../../protocol/users.ts";
import { type Route, route } from "../http/route.ts";
import type { RestOptions } from "./rest-options.ts";

export function blockRoutes(options: RestOptions): Route[] {
  return [
    route("GET /users/me/blocks", {
      summary: "Whom the caller blocked",
      answer: z.object({ users: z.array(User) }),
      handle: async ({ userId }) => ({ ok: true, users: await options.people.blocked(userId) }),
    }),
    route("PUT /users/:id/block", {
      summary: "Block someone",
      params: UserPath,
      answer: Nothing,
      handle: ({ params, userId, trace }) =>
        setBlock(options, { by: userId, other: params.id, blocked: true }, trace),
    }),
    route("DELETE /users/:id/block", {
      summary: "Block someone no longer",
      params: UserPath,
      answer: Nothing,
      handle: ({ params, userId, trace }) =>
        setBlock(options, { by: userId, other: params.id, blocked: false }, trace),
    }),
  ];
}

/**
 * Postgres first, then the session actors of both, so that presence follows at once. Where one of them cannot be told the
 * answer says so, and the same request again tells it: it changes nothing else.
 */
async function setBlock(
  { accounts, people, router }: RestOptions,
  { by, other, blocked }: { by: UserId; other: UserId; blocked: boolean },
  trace: Trace,
): Promise<Answer> {
  if (other === by) return refused("malformed", { message: "Nobody blocks themselves." });
  const [known] = await accounts.users([other]);
  if (!known) return refused("not_found");
  if (!(await people.setBlock(by, other, blocked)))
    return refused("forbidden", { message: "You have blocked as many people as one may." });
  const told = await Promise.all([
    router.askUser(by, { type: "block", userId: other, blocked }, trace),
    router.askUser(other, { type: "block", userId: by, blocked, byThem: true }, trace),
  ]);
  return told.find(({ ok }) => !ok) ?? { ok: true };
}
