/** What becomes of the messages of one imagined channel: true events, and the protocol's own fold of them for each client. */
import type { ChannelEvent } from "../../protocol/events.ts";
import { foldMessages } from "../../protocol/fold.ts";
import type { MessageId, UserId } from "../../protocol/ids.ts";
import type { Message } from "../../protocol/message.ts";
import type { Changed, Held, Served } from "./history.ts";

const EMOJI = "👍";

/** A change that fits what stands: the type of its event, what that says, and what its ack is about. */
export type Change = {
  type: ChannelEvent["type"];
  says: object;
  acked: Pick<Changed, "change" | "messageId" | "content" | "emoji">;
};

export class ImaginedMessages {
  readonly #channelId: string;
  /** As each client sees them. */
  readonly #folds: readonly Map<MessageId, Message>[];
  /** Messages outside threads up to each client's mark. */
  readonly #read: number[];
  #outsideThreads = 0;
  #edits = 0;

  constructor(channelId: string, clients: number) {
    this.#channelId = channelId;
    this.#folds = Array.from({ length: clients }, () => new Map());
    this.#read = Array.from({ length: clients }, () => 0);
  }

  /** What `message:new` says. A reply goes under the first message, or where there is none it is no reply. */
  message(
    at: { seq: number; atMs: number },
    sent: { by: string; clientId: string; content: string },
    isReply: boolean,
  ): object {
    const { by: authorId, clientId, content } = sent;
    const root = isReply ? this.#standing()[0] : undefined;
    const replyCount = root && root.replyCount + 1;
    const message = {
      id: `${this.#channelId}.${at.seq}`,
      channelId: this.#channelId,
      ...at,
      ordinal: replyCount ?? this.#outsideThreads + 1,
      authorId,
      clientId,
      type: "text",
      content,
      html: `<p>${content}</p>`,
      mentions: [],
      attachments: [],
      threadId: root?.id,
      replyCount: 0,
      reactions: [],
      pinned: false,
      metadata: {},
    };
    if (root === undefined) return { message };
    return { message, thread: { id: root.id, authorId: root.authorId, replyCount, lastReplyAtMs: at.atMs } };
  }

  /** A change of the last message by this client; undefined: there is none, or nothing would change. */
  change(client: number, change: Changed["change"], atMs: number): Change | undefined {
    const message = this.#standing(client).at(-1);
    if (message === undefined) return undefined;
    const { id: messageId, reactions, pinned } = message;
    switch (change) {
      case "edited": {
        const content = `${message.content}, edit ${++this.#edits}`;
        const says = { messageId, content, html: `<p>${content}</p>`, editedAtMs: atMs };
        return { type: "message:updated", says, acked: { change, messageId, content } };
      }
      case "deleted":
        return { type: "message:deleted", says: { messageId }, acked: { change, messageId } };
      case "pinned":
      case "unpinned":
        if (pinned === (change === "pinned")) return undefined;
        return { type: `message:${change}`, says: { messageId }, acked: { change, messageId } };
      default: {
        const isOn = change === "reacted";
        const { count, recent, me } = { count: 0, recent: [], me: false, ...reactions[0] };
        if (me === isOn) return undefined;
        const others = recent.filter((userId) => userId !== userOf(client));
        const says = {
          messageId,
          emoji: EMOJI,
          count: count + (isOn ? 1 : -1),
          recent: isOn ? [...others, userOf(client)] : others,
        };
        const type = isOn ? "reaction:added" : "reaction:removed";
        return { type, says, acked: { change, messageId, emoji: EMOJI } };
      }
    }
  }

  take(event: ChannelEvent): void {
    for (const [client, fold] of this.#folds.entries()) foldMessages(fold, event, userOf(client));
    if (event.type !== "message:new") return;
    if (event.message.threadId === undefined) this.#outsideThreads += 1;
    const author = this.#folds.findIndex((_, client) => userOf(client) === event.by);
    if (author !== -1) this.read(author);
  }

  /** The client has read everything. */
  read(client: number): void {
    this.#read[client] = this.#outsideThreads;
  }

  /** What the client holds at the end, and what it is served: the same, since nothing went wrong. */
  end(client: number): [Held, Served] {
    const names = { client: `client-${client}`, channelId: this.#channelId };
    const messages = [...this.#folds[client]!.values()];
    const unread = this.#outsideThreads - this.#read[client]!;
    const pinned = messages.flatMap((message) => (message.pinned ? [message.id] : []));
    return [
      { what: "held", ...names, fromSeq: 1, repliesAfterSeq: 0, messages, unread },
      { what: "served", ...names, messages: structuredClone(messages), pinned, unread },
    ];
  }

  /** Messages outside threads that are not deleted. */
  #standing(client = 0): Message[] {
    return [...this.#folds[client]!.values()].filter(
      (message) => message.deletedAtMs === undefined && message.threadId === undefined,
    );
  }
}

function userOf(client: number): UserId {
  return `user-${client}` as UserId;
}
