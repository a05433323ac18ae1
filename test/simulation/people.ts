/** Clients: each device has one unanswered send per channel, and sends again, by whatever node, until it is answered (rule S2). */
import type { ChannelCommand } from "../../actors/commands.ts";
import { channel, client, said, user } from "../../actors/doubles.ts";
import type { ChannelId, ClientId, UserId } from "../../protocol/ids.ts";
import type { Answer } from "../../protocol/refusals.ts";
import type { MessageSent } from "../../protocol/requests.ts";
import type { Sending } from "./plan.ts";
import type { World } from "./world.ts";

const DEADLINE_MS = 5_000;
const RETRY_MS = 500;
const BACKOFF_MAX_MS = 8_000;
/** Shares of a client's packets that come very late, and of the answers that it does not hear. */
const DELAYED = 0.04;
const DELAYED_MS = 9_000;
const UNHEARD = 0.03;

/** Answers before the channel stands and everyone is in it, or when that was lost: time, and another join, heal them. */
const NOT_IN_YET = new Set(["not_found", "not_a_member"]);

export type Ack = {
  clientId: ClientId;
  by: UserId;
  channelId: ChannelId;
  device: number;
  seq: number;
  durability: "logged" | "persisted";
};

type Message = {
  clientId: ClientId;
  by: UserId;
  channelId: ChannelId;
  device: number;
  isPersisted: boolean;
  attempt: number;
  isDone: boolean;
};

export class People {
  /** In the order in which each device was answered. */
  readonly acks: Ack[] = [];
  /** Not answered yet. */
  open = 0;
  readonly refusals: string[] = [];
  /** What waits behind a device's open send in a channel. */
  readonly #queues = new Map<string, Message[]>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Every channel of the plan, with everyone in it. */
  createChannels(): void {
    const { plan } = this.#world;
    const [maker, ...others] = Array.from({ length: Math.ceil(plan.devices / 2) }, (_, i) => user(i + 1));
    for (let n = 1; n <= plan.channels; n++) {
      const id = channel(n);
      this.open += 1 + others.length;
      const create: ChannelCommand = {
        type: "create",
        by: maker!,
        channel: { kind: "group", settings: {} },
        memberIds: others,
      };
      const join = () => {
        for (const by of others) this.#insist(id, { type: "join", by }, () => {});
      };
      this.#insist(id, create, join);
    }
  }

  /** Again until it is done. */
  #insist(channelId: ChannelId, command: ChannelCommand, done: () => void): void {
    const { scheduler } = this.#world;
    let isOver = false;
    const again = () => {
      if (!isOver) this.#insist(channelId, command, done);
      isOver = true;
    };
    scheduler.after(DEADLINE_MS, again);
    this.#ask(
      (router) => router.askChannel(channelId, command),
      (answer) => {
        if (isOver) return;
        if (!answer.ok) return void scheduler.after(RETRY_MS, again);
        isOver = true;
        this.open--;
        done();
      },
    );
  }

  plan(sendings: readonly Sending[]): void {
    for (const [i, sending] of sendings.entries()) {
      this.open++;
      this.#world.scheduler.after(sending.atMs, () => this.#want(sending, client(i + 1)));
    }
  }

  #want({ device, channel: n, isPersisted }: Sending, clientId: ClientId): void {
    const by = user(Math.floor(device / 2) + 1);
    const message = { clientId, by, channelId: channel(n), device, isPersisted, attempt: 0, isDone: false };
    const key = `${device} ${n}`;
    const queue = this.#queues.get(key) ?? [];
    this.#queues.set(key, queue);
    queue.push(message);
    if (queue.length === 1) this.#send(message, queue);
  }

  #send(message: Message, queue: Message[]): void {
    const { random, scheduler, isHealed } = this.#world;
    const attempt = ++message.attempt;
    const again = (ms: number) =>
      scheduler.after(ms, () => {
        if (!message.isDone && message.attempt === attempt) this.#send(message, queue);
      });
    again(DEADLINE_MS + Math.min(BACKOFF_MAX_MS, 1_000 * 2 ** (attempt - 1)) * (0.5 + random() / 2));
    const { clientId, by, channelId, isPersisted } = message;
    const command = {
      type: "send" as const,
      by,
      message: said(clientId, clientId),
      attempt,
      ...(isPersisted && { durability: "persisted" as const }),
    };
    this.#world.trace(() => `device ${message.device} sends ${clientId.slice(4, 8)} attempt ${attempt}`);
    const ask = () =>
      this.#ask(
        (router) => router.askChannel(channelId, command),
        (answer) => this.#answered(message, queue, answer, again),
        attempt === 1 ? message.device : undefined,
      );
    scheduler.after(!isHealed && random() < DELAYED ? random() * DELAYED_MS : 1 + random() * 14, ask);
  }

  #answered(
    message: Message,
    queue: Message[],
    answer: Answer<MessageSent>,
    again: (ms: number) => void,
  ): void {
    if (message.isDone) return;
    const { clientId, by, channelId, device } = message;
    if (!answer.ok) {
      const { code, retry } = answer.error;
      if (retry === "never" && !NOT_IN_YET.has(code)) this.refusals.push(`${clientId}: ${code}`);
      if (code === "not_a_member") this.#joinAgain(channelId, by);
      again(RETRY_MS);
      return;
    }
    message.isDone = true;
    this.open--;
    const { message: sent, durability } = answer;
    const ack = { clientId, by, channelId, device, seq: sent.seq, durability: durability ?? "logged" };
    this.acks.push(ack as Ack);
    this.#world.trace(
      () => `device ${device} acked ${clientId.slice(4, 8)} as ${channelId.slice(-2)}#${sent.seq}`,
    );
    queue.shift();
    if (queue[0]) this.#send(queue[0], queue);
  }

  /** Their join may have been lost with the owner and the tail of Redis, as an ack may: they come in again, as people would. */
  #joinAgain(channelId: ChannelId, by: UserId): void {
    this.#ask(
      (router) => router.askChannel(channelId, { type: "join", by }),
      () => {},
    );
  }

  /** Over the network to a node and back; either way may fail. `nth`: which node; else any. */
  #ask<A extends object>(
    question: (router: World["nodes"][number]["router"]) => Promise<Answer<A>>,
    answered: (answer: Answer<A>) => void,
    nth = Math.floor(this.#world.random() * 3),
  ): void {
    const { nodes, random, scheduler } = this.#world;
    const node = nodes[nth % nodes.length]!;
    node.machine.after(0, () => {
      if (!node.isJoined || node.hasLeft) return;
      void question(node.router).then((answer) => {
        if (!this.#world.isHealed && random() < UNHEARD) return;
        scheduler.after(1 + random() * 14, () => answered(answer));
      });
    });
  }
}
