/** `session:resume` and `health:check`. */
import { StoreAway } from "../../actors/ports.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Membership, Memberships } from "../ports.ts";
import { resume } from "../resuming.ts";
import type { Handler } from "./handler.ts";

/** Channels of a resume that cost as much as one event: 1,000 fit into a second of the default 50 events. */
const RESUMED_PER_EVENT = 20;

/** Undefined while Postgres is away: the owners know their members without it (rule A3). */
async function membershipsOf(memberships: Memberships, userId: UserId): Promise<Membership[] | undefined> {
  try {
    return await memberships.ofUser(userId);
  } catch (error) {
    if (error instanceof StoreAway) return undefined;
    throw error;
  }
}

export const resumeSession: Handler<"session:resume"> = async ({ channels }, asker, surroundings) => {
  surroundings.rates.charge(asker.connection, Math.floor(Object.keys(channels).length / RESUMED_PER_EVENT));
  const known = await membershipsOf(surroundings.memberships, asker.userId);
  const options = { ...surroundings, trace: asker.trace };
  const { resumed, afterwards } = await resume(asker.connection, channels, known, options);
  asker.afterAnswer(afterwards);
  return { ok: true, ...resumed };
};

export const checkHealth: Handler<"health:check"> = async (_request, _asker, { health }) => ({
  ok: true,
  ...health(),
});
