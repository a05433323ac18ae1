/** Who speaks to whom within a node: the bus, the shards, and those who ask and answer over them. */
import type { Connected } from "../../gateway/ports.ts";
import type { ChannelId, UserId } from "../../protocol/ids.ts";
import type { LocalDevices } from "../ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { Bus, type BusMessage, type Granted, type Wish } from "./bus.ts";
import { ConnectedDesk } from "./connected-desk.ts";
import { ClusterDevices } from "./devices.ts";
import type { Ground } from "./ground.ts";
import { HeadsDesk } from "./heads-desk.ts";
import { Intake } from "./intake.ts";
import { NewsDesk } from "./news-desk.ts";
import { PlacementDesk } from "./placement-desk.ts";
import { ClusterRouter } from "./router.ts";
import type { OpenShard } from "./shard-host.ts";
import { Shards } from "./shards.ts";
import { StatusDesk } from "./status.ts";

export type MessagingOptions = {
  ground: Ground;
  openShard: OpenShard;
  /** The set of shards that this node serves may have changed. */
  onShardChange: () => void;
  /** Connections on this node that listen to the channel. */
  listeners: (channelId: ChannelId) => number;
  /** Members of the channel who are connected to this node. */
  connected: (channelId: ChannelId) => Connected;
  /** The gateway of this node. */
  devices: () => LocalDevices;
  /** Of this node, now. */
  hasLease: () => boolean;
  /** See `ClusterOptions`. */
  outOfSpace: (spaceId: ChannelId, userId: UserId) => Promise<boolean>;
  /** Another node asks this one to drain. */
  onDrain: () => void;
  /** Of this node's shards. */
  loads: () => ReadonlyMap<number, number>;
  /** An operator's wish, where this node leads; undefined: it does not. */
  grant: (wish: Wish) => Promise<Granted | undefined>;
  /** Another node serves other shards than before. */
  onLook: () => void;
  metrics: Metrics;
};

export class Messaging {
  readonly bus: Bus;
  readonly shards: Shards;
  readonly intake: Intake;
  readonly heads: HeadsDesk;
  readonly router: ClusterRouter;
  readonly status: StatusDesk;
  readonly connected: ConnectedDesk;
  readonly devices: ClusterDevices;
  readonly news: NewsDesk;
  readonly placement: PlacementDesk;
  readonly #onDrain: () => void;
  readonly #onLook: () => void;

  constructor(options: MessagingOptions) {
    const { ground, openShard, onShardChange, listeners, devices, hasLease, outOfSpace, metrics } = options;
    const { table, reader, incarnation, logger } = ground;
    const send = (to: string, message: BusMessage) => this.bus.send(to, message);
    const readTable = () => void reader.read();
    this.#onDrain = options.onDrain;
    this.#onLook = options.onLook;
    this.shards = new Shards({
      incarnation,
      table,
      openShard,
      tellReleased: (to, shard, version) => send(to, { type: "released", shard, version }),
      onChange: (shard) => {
        this.intake.look(shard);
        onShardChange();
      },
      metrics,
      logger,
    });
    const { shards } = this;
    this.intake = new Intake({ table, shards, readTable });
    const { intake } = this;
    table.onChange(() => intake.lookAll());
    this.heads = new HeadsDesk({ incarnation, table, intake, send });
    this.router = new ClusterRouter({
      incarnation,
      table,
      intake,
      heads: this.heads,
      send,
      readTable,
      logger,
    });
    this.status = new StatusDesk({ ...ground, shards, listeners, send });
    this.connected = new ConnectedDesk({ ...ground, connected: options.connected, send });
    this.placement = new PlacementDesk({ ...ground, ...options, shards, send });
    this.devices = new ClusterDevices({ incarnation, local: devices, send });
    this.news = new NewsDesk({ ...ground, hasLease, outOfSpace, send });
    this.bus = new Bus({
      ...ground,
      onMessage: (from, message) => this.#hear(from, message),
      onUnheard: (to, messages) => this.#unheard(to, messages),
      onAnnounced: (version) => reader.announced(version),
      onSubscribed: readTable,
    });
  }

  /** Everyone who waits is answered; what is on its way leaves. */
  async stop(): Promise<void> {
    this.router.stop();
    this.intake.stop();
    this.heads.stop();
    this.news.stop();
    this.status.stop();
    this.placement.stop();
    this.connected.stop();
    await this.bus.stop();
  }

  #hear(from: string, message: BusMessage): void {
    switch (message.type) {
      case "channel":
      case "user":
        this.router.asked(from, message);
        break;
      case "answer":
        this.router.answered(message.id, message.answer);
        break;
      case "moved":
        this.router.moved(message.id, message.table);
        break;
      case "heads":
        void this.heads.asked(from, message);
        break;
      case "stands":
        this.heads.answered(message.id, message.heads);
        break;
      case "released":
        this.shards.released(message.shard, message.version);
        break;
      case "where":
        void this.status.asked(from, message);
        break;
      case "found":
        this.status.answered(message.id, message.found);
        break;
      case "who_is_connected":
        this.connected.asked(from, message);
        break;
      case "connected":
        this.connected.answered(message.id, message.connected);
        break;
      case "tell_user":
      case "tell_viewers":
      case "replace":
        this.devices.heard(message);
        break;
      case "out_of_space":
        void this.news.asked(from, message);
        break;
      case "confirmed":
        this.news.confirmed(message.id);
        break;
      case "gone":
        this.news.gone(message.node);
        break;
      case "wish":
        void this.placement.wished(from, message.id, message.wish);
        break;
      case "granted":
        this.placement.granted(message.id, message.granted);
        break;
      case "which_shards":
        this.placement.whichShards(from, message.id);
        break;
      case "these_shards":
        this.placement.theseShards(message.id, message.shards);
        break;
      case "look":
        this.#onLook();
        break;
      case "drain":
        this.#onDrain();
        break;
      default:
        // A newer node may say more than this one knows: whoever asked hears silence, and its deadline passes.
        break;
    }
  }

  #unheard(to: string, messages: readonly BusMessage[]): void {
    this.router.unheard(to, messages);
    for (const message of messages) {
      if (message.type === "heads") this.heads.unheard(message.id);
      this.placement.unheard(message);
      if (message.type === "where") this.status.unheard(message.id);
      if (message.type === "who_is_connected") this.connected.unheard(message.id);
    }
  }
}
