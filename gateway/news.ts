/**
 * What every node hears of every channel, and what becomes of it here: connected members who do not listen are told where
 * channels stand (rule H5), and who has left a space leaves the rooms of its channels (rule E1).
 */
import type { ChannelId, UserId } from "../protocol/ids.ts";
import { Bulletin, type Move } from "./adapter/bulletin.ts";
import type { Subscriptions } from "./adapter/subscriptions.ts";
import type { Connection, Connections } from "./connections.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { Bystanders } from "./rooms/bystanders.ts";
import { HeadPost } from "./rooms/head-post.ts";
import type { Outlet, RoomConnection } from "./rooms/listener.ts";
import type { Rooms } from "./rooms/rooms.ts";
import { Spaces } from "./rooms/spaces.ts";

export type NewsOptions = Pick<
  GatewayOptions,
  "router" | "memberships" | "redis" | "prefix" | "node" | "shardOf"
> & {
  connections: Connections;
  rooms: Rooms;
  outlet: Outlet;
  subscriptions: Subscriptions;
};

export class News {
  readonly bulletin: Bulletin;
  readonly spaces: Spaces;
  readonly bystanders: Bystanders;
  readonly #post: HeadPost;
  readonly #options: NewsOptions;

  constructor(options: NewsOptions) {
    this.#options = options;
    const { redis, subscriptions, prefix, node, router } = options;
    this.bulletin = new Bulletin({
      ...redis,
      subscriptions,
      channel: bulletinChannel(prefix),
      node,
      heardHead: (head) => this.bystanders.heard(head),
      heardMove: (move) => this.#moved(move),
      doubt: () => this.#doubt(() => true),
    });
    this.spaces = new Spaces({
      router,
      listening: () => this.#listeningInSpaces(),
      outside: (spaceId, userId) => this.#outOfSpace(spaceId, userId),
    });
    this.bystanders = this.#createBystanders();
    this.#post = new HeadPost({
      wants: (connection, channelId) => this.bystanders.isTold(connection, channelId),
      pass: (connection, frame) => options.outlet.pass(connection, frame),
    });
  }

  /** Redis has confirmed a subscription. */
  subscribed(subscription: string): void {
    if (subscription === bulletinChannel(this.#options.prefix)) this.bulletin.subscribed();
  }

  /** A move that was decided just before the shard moved may never have been told. */
  onShardsMoved(shards: ReadonlySet<number>): void {
    this.#doubt((id) => shards.has(this.#options.shardOf(id)));
  }

  /**
   * The space's actor says that the person is out of it, and waits (rule E1). True: they hear nothing of its channels here; or
   * they are in it again, since what is said may come late. False: the space could not be asked. Never rejects.
   */
  async outOfSpace(spaceId: ChannelId, userId: UserId): Promise<boolean> {
    this.spaces.went(spaceId, userId);
    if ([...this.#options.connections.ofUser(userId)].length === 0) return true;
    const standing = await this.spaces.standing(spaceId, userId);
    if (standing === "outsider") this.#outOfSpace(spaceId, userId);
    return standing !== "unknown";
  }

  close(): void {
    for (const part of [this.bulletin, this.spaces, this.bystanders, this.#post]) part.close();
  }

  #createBystanders(): Bystanders {
    const { router, memberships, connections } = this.#options;
    return new Bystanders({
      async channelsOf(userId) {
        // Postgres may be behind someone who came back into a space: its owner is asked.
        const mine = await memberships.ofUser(userId, { lostSpacesToo: true });
        return mine.map(({ channel }) => channel);
      },
      async channelFor(channelId, userId) {
        const opened = await router.askChannel(channelId, { type: "open", by: userId });
        return opened.ok ? opened.channel : undefined;
      },
      standing: (spaceId, userId) => this.spaces.standing(spaceId, userId),
      connectionsOf: (userId) => connections.ofUser(userId),
      listens: (connection, channelId) => listeningOf(connection).has(channelId),
      tell: (connection, heads) => this.#post.tell(connection, heads),
    });
  }

  #moved(move: Move): void {
    const { channelId, userId, isIn } = move;
    this.bystanders.moved(move);
    if (isIn) return;
    this.spaces.went(channelId, userId);
    this.#outOfSpace(channelId, userId);
  }

  /** Where `spaceId` is no space, no channel is in it. */
  #outOfSpace(spaceId: ChannelId, userId: UserId): void {
    const { connections, rooms } = this.#options;
    this.bystanders.outOfSpace(spaceId, userId);
    for (const connection of connections.ofUser(userId)) rooms.putOut(connection, spaceId);
  }

  #doubt(isDoubtful: (id: ChannelId) => boolean): void {
    this.spaces.doubt(isDoubtful);
    this.bystanders.doubt(isDoubtful);
  }

  *#listeningInSpaces(): Iterable<{ spaceId: ChannelId; userId: UserId }> {
    const { connections, rooms } = this.#options;
    for (const { userId, listening } of connections.all())
      for (const channelId of listening) {
        const spaceId = rooms.get(channelId)?.about.spaceId;
        if (spaceId) yield { spaceId, userId };
      }
  }
}

function bulletinChannel(prefix: string): string {
  return `${prefix}:bulletin`;
}

function listeningOf(connection: RoomConnection): ReadonlySet<ChannelId> {
  return (connection as Connection).listening;
}
