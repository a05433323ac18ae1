/** Where channels stand: one request per owner, whoever does not answer is left out (rule H1). */
import type { Position } from "../../protocol/channel.ts";
import type { ChannelId } from "../../protocol/ids.ts";
import type { BusMessage } from "./bus.ts";
import { DEADLINE_MS, type Intake } from "./intake.ts";
import type { PlacementTable } from "./placement-table.ts";
import { Questions } from "./questions.ts";
import { shardOf } from "./shard-of.ts";

/** An owner answers with what it has by then, so that one slow shard does not cost the others' heads. */
const GATHER_WITHIN_MS = DEADLINE_MS - 500;
/** Channels in one request: 40 bytes each. */
const CHANNELS_MAX = 10_000;

/** As it crosses the bus. */
export type Head = [id: ChannelId, seq: number, epoch: number];

export type HeadsDeskOptions = {
  incarnation: string;
  table: PlacementTable;
  intake: Intake;
  send: (to: string, message: BusMessage) => boolean;
};

export class HeadsDesk {
  readonly #options: HeadsDeskOptions;
  readonly #questions = new Questions<Head[]>();

  constructor(options: HeadsDeskOptions) {
    this.#options = options;
  }

  async ask(channelIds: readonly ChannelId[]): Promise<Map<ChannelId, Position>> {
    const { incarnation, table } = this.#options;
    const byOwner = groupBy(channelIds, (id) => table.owner(shardOf(id, table.shards)));
    const asked = [...byOwner].flatMap(([owner, ids]) => {
      if (owner === undefined) return [];
      if (owner === incarnation) return [this.#gather(table.version, ids)];
      return chunks(ids).map((chunk) => this.#askOwner(owner, chunk));
    });
    const heads = (await Promise.all(asked)).flat();
    return new Map(heads.map(([id, seq, epoch]) => [id, [seq, epoch]]));
  }

  /** Another node asks for heads of channels that it thinks live here. */
  async asked(
    from: string,
    question: { id: number; table: number; channelIds: readonly ChannelId[] },
  ): Promise<void> {
    const heads = await this.#gather(question.table, question.channelIds);
    this.#options.send(from, { type: "stands", id: question.id, heads });
  }

  answered(id: number, heads: Head[]): void {
    this.#questions.answered(id, heads);
  }

  unheard(id: number): void {
    this.#questions.unheard(id);
  }

  stop(): void {
    this.#questions.stop();
  }

  async #askOwner(owner: string, channelIds: ChannelId[]): Promise<Head[]> {
    const { send, table } = this.#options;
    const ask = (id: number) => send(owner, { type: "heads", id, table: table.version, channelIds });
    return (await this.#questions.ask(DEADLINE_MS, ask)) ?? [];
  }

  /** From this node's own actors. */
  #gather(table: number, channelIds: readonly ChannelId[]): Promise<Head[]> {
    const { intake, table: ours } = this.#options;
    const byShard = groupBy(channelIds, (id) => shardOf(id, ours.shards));
    const heads: Head[] = [];
    return new Promise((resolve) => {
      let open = byShard.size;
      const timer = setTimeout(() => resolve([...heads]), GATHER_WITHIN_MS);
      const done = () => {
        if (--open > 0) return;
        clearTimeout(timer);
        resolve(heads);
      };
      if (open === 0) return done();
      for (const [shard, ids] of byShard) {
        const take = (found: Map<ChannelId, Position>) => {
          for (const [id, [seq, epoch]] of found) heads.push([id, seq, epoch]);
        };
        // A rejection means that Postgres is needed and away: these channels are left out.
        intake.take(shard, table, {
          run: (actors) =>
            void actors
              .heads(ids)
              .then(take, () => {})
              .then(done),
          refuse: done,
        });
      }
    });
  }
}

function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

function chunks(ids: readonly ChannelId[]): ChannelId[][] {
  const all: ChannelId[][] = [];
  for (let i = 0; i < ids.length; i += CHANNELS_MAX) all.push(ids.slice(i, i + CHANNELS_MAX));
  return all;
}
