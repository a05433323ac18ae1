/** Two gateways on one Redis and a channel that someone writes in: what tests of things that cross nodes begin with. */
import { newChannel, newUser } from "../../gateway/doubles.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import { assert } from "../../src/lib/assert.ts";
import {
  type Client,
  type ClientOptions,
  createStage,
  type Stage,
  type StagedGateway,
} from "./gateway-stage.ts";
import { freshPrefix, sharedRedisUrl } from "./servers.ts";

export type Meeting = {
  stage: Stage;
  one: StagedGateway;
  two: StagedGateway;
  channelId: ChannelId;
  /** A member of the channel. */
  author: UserId;
};

/** To be closed by its stage. */
export async function openMeeting(): Promise<Meeting> {
  const stage = await createStage(sharedRedisUrl(), freshPrefix());
  const one = await stage.addGateway();
  const two = await stage.addGateway();
  const channelId = newChannel();
  const author = newUser();
  stage.channels.create(channelId, [author]);
  return { stage, one, two, channelId, author };
}

/** A new member of these channels, connected to a gateway. */
export async function memberOf(
  stage: Stage,
  gateway: StagedGateway,
  channelIds: readonly ChannelId[],
  options?: ClientOptions,
): Promise<Client & { userId: UserId }> {
  const userId = newUser();
  for (const id of channelIds) stage.channels.channels.get(id)!.members.add(userId);
  return Object.assign(await stage.client(gateway, userId, options), { userId });
}

/** The same, who listens to the first of them. */
export async function listenerOf(
  ...[stage, gateway, channelIds, options]: Parameters<typeof memberOf>
): ReturnType<typeof memberOf> {
  const client = await memberOf(stage, gateway, channelIds, options);
  const opened = await client.ask("channel:open", { channelId: channelIds[0] });
  assert("ok" in opened && opened.ok === true, "a member may listen");
  return client;
}
