/** What operators ask of placement: any node is asked, the leader acts, and everyone tells what runs on it. */
import { setTimeout as sleep } from "node:timers/promises";
import { StoreAway } from "../../actors/ports.ts";
import type { Placement, PlannedMove, ShardStatus } from "../ports.ts";
import type { BusMessage, Granted, ShardHere, Wish } from "./bus.ts";
import type { Control } from "./control.ts";
import { DEADLINE_MS } from "./intake.ts";
import { fromFields, type LiveNode } from "./nodes.ts";
import type { PlacementTable } from "./placement-table.ts";
import { Questions } from "./questions.ts";
import type { Shards } from "./shards.ts";

/** Nodes that do not say within this what runs on them, milliseconds: their lease says less, and is older. */
const SHARDS_WITHIN_MS = 1_000;
/** Before the leader is asked again who did not lead, or had too much on the move. Chosen: two of its rounds. */
const ASK_AGAIN_MS = 250;

export type PlacementDeskOptions = {
  incarnation: string;
  control: Control;
  table: PlacementTable;
  shards: Shards;
  /** Of this node's shards, as its lease says. */
  loads: () => ReadonlyMap<number, number>;
  /** Undefined: this node does not lead. Rejects when Redis does not answer. */
  grant: (wish: Wish) => Promise<Granted | undefined>;
  send: (to: string, message: BusMessage) => boolean;
};

export class PlacementDesk implements Placement {
  readonly #options: PlacementDeskOptions;
  /** `later`: the node that was asked does not lead. */
  readonly #wishes = new Questions<Granted | "later">();
  readonly #inventories = new Questions<ShardHere[]>();

  constructor(options: PlacementDeskOptions) {
    this.#options = options;
  }

  async shards(): Promise<ShardStatus[]> {
    const { incarnation, control, table, send } = this.#options;
    const live = (await orAway(control.readNodes())).map(fromFields);
    const ask = async ({ id: node }: LiveNode) => {
      const asked = (id: number) => void send(node, { type: "which_shards", id });
      return node === incarnation ? this.#inventory() : this.#inventories.ask(SHARDS_WITHIN_MS, asked);
    };
    const found = await Promise.all(live.map(ask));
    return shardStatuses(table, new Map(live.map((node, i) => [node.id, found[i] ?? fromLease(node)])));
  }

  async plan(): Promise<PlannedMove[]> {
    return movesOf(await this.#ask({ to: "plan" }));
  }

  async rebalance(): Promise<PlannedMove[]> {
    return movesOf(await this.#ask({ to: "rebalance" }));
  }

  async move(shard: number, node: string): ReturnType<Placement["move"]> {
    const granted = await this.#ask({ to: "move", shard, node });
    if (!("moved" in granted) || granted.moved === "full")
      throw new StoreAway("as many shards as may be are on the move already");
    return granted.moved;
  }

  /** Another node wants to know what runs here. */
  whichShards(from: string, id: number): void {
    this.#options.send(from, { type: "these_shards", id, shards: this.#inventory() });
  }

  theseShards(id: number, shards: ShardHere[]): void {
    this.#inventories.answered(id, shards);
  }

  /** Another node takes this one for the leader. */
  async wished(from: string, id: number, wish: Wish): Promise<void> {
    const { grant, send } = this.#options;
    const granted = await grant(wish).catch((error: Error): Granted => ({ failed: error.message }));
    send(from, { type: "granted", id, granted: granted ?? "later" });
  }

  granted(id: number, granted: Granted | "later"): void {
    this.#wishes.answered(id, granted);
  }

  unheard(message: BusMessage): void {
    if (message.type === "wish") this.#wishes.unheard(message.id);
    if (message.type === "which_shards") this.#inventories.unheard(message.id);
  }

  stop(): void {
    this.#wishes.stop();
    this.#inventories.stop();
  }

  /** Asks the leader until its deadline: leadership may be on its way to another node, and shards make room for others. */
  async #ask(wish: Wish): Promise<Granted> {
    const untilMs = performance.now() + DEADLINE_MS;
    for (;;) {
      const leader = await orAway(this.#options.control.leader());
      const granted = leader === undefined ? "later" : await this.#askLeader(leader, wish, untilMs);
      const isLater =
        granted === "later" || (granted !== undefined && "moved" in granted && granted.moved === "full");
      if (granted !== undefined && !isLater) return granted;
      if (performance.now() + ASK_AGAIN_MS < untilMs) await sleep(ASK_AGAIN_MS);
      else if (granted !== undefined && granted !== "later") return granted;
      else throw new StoreAway(leader === undefined ? "no node leads placement now" : silence(leader));
    }
  }

  /** Undefined: it did not answer in time. */
  async #askLeader(leader: string, wish: Wish, untilMs: number): Promise<Granted | "later" | undefined> {
    const { incarnation, grant, send } = this.#options;
    const ask = (id: number) => void send(leader, { type: "wish", id, wish });
    const granted =
      leader === incarnation
        ? ((await orAway(grant(wish))) ?? "later")
        : await this.#wishes.ask(untilMs - performance.now(), ask);
    if (typeof granted === "object" && "failed" in granted) throw new StoreAway(granted.failed);
    return granted;
  }

  #inventory(): ShardHere[] {
    const { shards, loads } = this.#options;
    const serving = shards.hosts().filter(({ state }) => state === "serving");
    return serving.map(({ shard, epoch, actors }) => ({
      shard,
      epoch,
      channels: actors?.census().channels ?? 0,
      load: loads().get(shard) ?? 0,
    }));
  }
}

/** Each shard by the table, and as its owner says. `here`: by node with a lease, what runs on it. */
export function shardStatuses(
  table: PlacementTable,
  here: ReadonlyMap<string, readonly Partial<ShardHere>[]>,
): ShardStatus[] {
  const served = new Map(
    [...here].map(([node, shards]) => [node, new Map(shards.map((one) => [one.shard, one]))]),
  );
  return Array.from({ length: table.shards }, (_, shard) => {
    const { node, previous } = table.row(shard);
    const there = served.get(node ?? "")?.get(shard);
    if (there !== undefined) return { shard, owner: node, served: true, ...there };
    const before = served.get(previous ?? "")?.get(shard);
    const owner = previous !== undefined && served.has(previous) ? { owner: previous } : {};
    return {
      shard,
      ...owner,
      ...(node !== undefined && { to: node }),
      served: before !== undefined,
      ...before,
    };
  });
}

function fromLease({ serving, loads }: LiveNode): Partial<ShardHere>[] {
  return [...serving].map((shard) => ({ shard, load: loads.get(shard) ?? 0 }));
}

function movesOf(granted: Granted): PlannedMove[] {
  return "moves" in granted ? granted.moves : [];
}

function silence(leader: string): string {
  return `${leader}, who leads placement, did not answer within ${DEADLINE_MS / 1_000} s`;
}

/** Redis did not answer. */
function orAway<T>(answer: Promise<T>): Promise<T> {
  return answer.catch((error: Error) => {
    throw new StoreAway(error.message, { cause: error });
  });
}
