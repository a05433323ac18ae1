/** A deed, and the doors through which it is done: Socket.IO events and REST routes side by side. */
import type { RequestName, RequestOf } from "../../protocol/requests.ts";
import type { Heard, Person } from "./site.ts";
import type { World } from "./world.ts";

/** One way to do a deed. `through`: an event, or a route as `gateway/routes/` writes it. */
export type Door = { through: string; knock(world: World): Promise<Heard> };

/**
 * `logs`: where it is done, the channel's seq moves. `spoils`: who has done it stands differently, so the next door finds a new
 * world. `shows`: an answer is always given; the cell says whether it tells of the channel.
 */
export type Deed = {
  doors: Door[];
  logs?: true;
  spoils?: true;
  shows?(heard: Heard, world: World): boolean;
};

/** What a route is asked with: what stands for `:id` and `:userId`, and what follows. */
export type Filled = { id?: string; userId?: string; query?: string; body?: object };

export function event<E extends RequestName>(
  through: E,
  payload: (world: World) => Partial<Record<keyof RequestOf<E>, unknown>>,
): Door {
  return { through, knock: (world) => world.person.ask(through, payload(world)) };
}

export function route(through: string, fill: (world: World) => Filled | Promise<Filled> = () => ({})): Door {
  return { through, knock: async (world) => askRoute(world.person, through, await fill(world)) };
}

export function askRoute(
  person: Pick<Person, "rest">,
  through: string,
  { id, userId, query = "", body }: Filled,
): Promise<Heard> {
  const [method, pattern] = through.split(" ") as [string, string];
  const path = pattern.replace(":id", id ?? ":id").replace(":userId", userId ?? ":userId");
  return person.rest({ method, path: path + query, ...(body && { body }) });
}

/** Does the answer say anything of the channel? That it was lost (`left`) says nothing that was not asked with. */
export function tells({ text, body }: Heard, { secret, channelId }: World): boolean {
  const lists = JSON.stringify([body.channels, body.spaces, body.joined]);
  return text.includes(secret) || lists.includes(channelId);
}

/** What most requests name. */
export const ofChannel = ({ channelId }: World) => ({ channelId });
export const inPath = ({ channelId }: World): Filled => ({ id: channelId });
