/** Clients that write down everything they see, and the history that comes of it: what the checker judges. */
import { ChatClient } from "../../bench/load/chat-client.ts";
import type { Change } from "../../bench/load/client-channel.ts";
import type { Observer } from "../../bench/load/observer.ts";
import type { Person } from "../../bench/load/site.ts";
import type { ChannelEvent } from "../../protocol/events.ts";
import type { UserId } from "../../protocol/ids.ts";
import type { Durability } from "../../protocol/message.ts";
import type { RefusalCode } from "../../protocol/refusals.ts";
import {
  type Changed,
  type EventSeen,
  eventSeen,
  type HistoryRecord,
  type Loss,
  type Out,
  type Tail,
  type TailEnd,
} from "../checker/history.ts";
import { CLIENT_KINDS, type ClientKind } from "./links.ts";
import { Reader } from "./reader.ts";

/** What a change is called in the history; those that leave no event have no name. */
const CHANGES: Partial<Record<Change["name"], Changed["change"]>> = {
  "message:edit": "edited",
  "message:delete": "deleted",
  "message:pin": "pinned",
  "message:unpin": "unpinned",
  "reaction:add": "reacted",
  "reaction:remove": "unreacted",
};

/** What the run itself looks at, beside the history. */
export type Tally = {
  /** Refusals of sends and changes, by code. */
  refused: Map<RefusalCode, number>;
  /** Reasons of disconnects, by client. */
  disconnects: { client: string; reason: string; atMs: number }[];
  /** `atMs` is monotonic. */
  acks: { client: string; channelId: string; durability: Durability; atMs: number }[];
  failed: string[];
};

export class Recorder {
  readonly history: HistoryRecord[] = [];
  readonly tally: Tally = { refused: new Map(), disconnects: [], acks: [], failed: [] };
  /** One digest per event, however many clients saw it: all see the same object's text. */
  readonly #digests = new Map<string, EventSeen>();
  readonly #readers = new Map<string, Reader>();

  /** A client of `person`, not started. It joins its channels: their owner only invited it. */
  client(options: {
    name: string;
    person: Person;
    nodes: readonly string[];
    firstNode: number;
    channelIds: readonly string[];
    durability?: Durability;
    kind?: ClientKind;
    /** It will be refused for good at some time, and that is right. */
    isGuest?: boolean;
  }): ChatClient {
    const { name, person, durability, kind = "websocket", isGuest = false } = options;
    for (const id of options.channelIds) this.#readers.set(`${name} ${id}`, new Reader(person.id as UserId));
    return new ChatClient({
      ...options,
      token: person.token,
      enter: "channel:join",
      ...CLIENT_KINDS[kind],
      observer: {
        ...this.#observer(name, person.id, durability),
        ...(isGuest && { failed: () => {} }),
      },
    });
  }

  /** What the run itself brings about, in its place between what clients see. */
  mark(record: Tail | TailEnd | Loss | Out): void {
    this.history.push(record);
  }

  /** What the client of this name holds of a channel. */
  reader(name: string, channelId: string): Reader {
    return this.#readers.get(`${name} ${channelId}`)!;
  }

  #observer(client: string, by: string, durability?: Durability): Observer {
    const { history, tally } = this;
    return {
      connected: (node) => history.push({ what: "connect", client, node }),
      disconnected: (reason) => {
        history.push({ what: "disconnect", client, reason });
        tally.disconnects.push({ client, reason, atMs: performance.now() });
      },
      sent: (channelId, { clientId, content, attempt }) =>
        history.push({ what: "send", client, channelId, by, clientId, content, attempt, durability }),
      acked: (channelId, { clientId }, { message, durability: given, duplicate }) => {
        const { seq } = message;
        history.push({ what: "ack", client, channelId, by, clientId, seq, durability: given, duplicate });
        tally.acks.push({ client, channelId, durability: given, atMs: performance.now() });
      },
      refused: (channelId, { clientId }, { code, retry }) => {
        history.push({ what: "refused", client, channelId, by, clientId, code, retry });
        tally.refused.set(code, (tally.refused.get(code) ?? 0) + 1);
      },
      changed: (channelId, change, answer) => {
        if (!answer.ok) {
          // Another was faster: no fault of anyone.
          if (answer.error.code === "already_deleted") return;
          tally.refused.set(answer.error.code, (tally.refused.get(answer.error.code) ?? 0) + 1);
          if (answer.error.retry === "never")
            tally.failed.push(`${client}: ${change.name}: ${answer.error.code}`);
          return;
        }
        if (change.name === "channel:read") this.reader(client, channelId).read(change.payload.seq);
        const name = CHANGES[change.name];
        if (name === undefined || !("messageId" in change.payload)) return;
        const { messageId, content, emoji } = change.payload as Changed;
        history.push({ what: "changed", client, channelId, by, change: name, messageId, content, emoji });
      },
      opened: (channelId, answer) => {
        const { seq, epoch } = answer;
        history.push({ what: "open", client, channelId, seq, epoch });
        const reader = this.reader(client, channelId);
        const isFirst = reader.fold.seq === 0;
        reader.open(answer);
        if (isFirst) reader.joined();
      },
      took: (channelId, event, epoch) => this.reader(client, channelId).take(epoch, event),
      live: ({ channelId, epoch, events }) =>
        history.push({
          what: "events",
          client,
          channelId,
          epoch,
          events: events.map((event) => this.#seen(channelId, event)),
        }),
      synced: (channelId, via, afterSeq, { events, seq, epoch, more, reset }) => {
        const seen = events.map((event) => this.#seen(channelId, event));
        history.push({
          what: "sync",
          client,
          channelId,
          via,
          afterSeq,
          events: seen,
          seq,
          epoch,
          more,
          reset,
        });
      },
      behind: ({ channelId, seq, epoch }) => history.push({ what: "behind", client, channelId, seq, epoch }),
      failed: (what, error) => tally.failed.push(`${client}: ${what}: ${JSON.stringify(error)}`),
    };
  }

  /** Equal ones become one object: a history holds each delivery, and there are many more of these than events. */
  #seen(channelId: string, event: ChannelEvent): EventSeen {
    const seen = eventSeen(event);
    const key = `${channelId} ${seen.seq} ${seen.digest}`;
    const before = this.#digests.get(key);
    if (before === undefined) this.#digests.set(key, seen);
    return before ?? seen;
  }
}
