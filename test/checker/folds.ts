/**
 * Row D4, what is told at the end: after healing every client's fold is what the server tells the same person, field by field.
 * A deleted message says nothing to anyone.
 */
import { isDeepStrictEqual } from "node:util";
import type { Message } from "../../protocol/message.ts";
import type { Findings, Kind } from "./findings.ts";
import type { Held, HistoryRecord, Served } from "./history.ts";

/** Fields by the finding that they make; any other is `unlike_otherwise`. */
const FIELDS: Partial<Record<keyof Message, Kind>> = {
  content: "unlike_text",
  html: "unlike_text",
  editedAtMs: "unlike_text",
  deletedAtMs: "unlike_deletion",
  reactions: "unlike_reactions",
  pinned: "unlike_pins",
  replyCount: "unlike_thread",
  lastReplyAtMs: "unlike_thread",
};

export class FoldRules {
  readonly #findings: Findings;
  /** By client and channel. */
  readonly #held = new Map<string, Held>();
  readonly #served = new Map<string, Served>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  take(record: HistoryRecord): void {
    if (record.what === "held") this.#held.set(key(record), record);
    else if (record.what === "served") this.#served.set(key(record), record);
  }

  finish(): void {
    for (const [name, held] of this.#held) {
      const served = this.#served.get(name);
      if (served !== undefined) this.#compare(held, served);
    }
  }

  #compare(held: Held, served: Served): void {
    const here = byId(held.messages);
    const there = byId(served.messages);
    for (const message of served.messages) {
      const mine = here.get(message.id);
      if (mine !== undefined) this.#compareMessages(held, mine, message);
      else if (reaches(held, message)) this.#add(held, "not_held", `lacks ${message.id}, which is served`);
    }
    for (const { id } of held.messages)
      if (!there.has(id)) this.#add(held, "not_served", `holds ${id}, which is not served`);
    this.#comparePins(held, served);
    if (held.unread !== served.unread)
      this.#add(held, "unlike_unread", `has ${held.unread} unread, and is served ${served.unread}`);
  }

  #compareMessages(held: Held, mine: Message, theirs: Message): void {
    for (const message of [mine, theirs]) {
      if (message.deletedAtMs !== undefined && saysSomething(message))
        this.#add(held, "unlike_deletion", `sees what ${message.id} said, which is deleted`);
    }
    const fields = new Set([...Object.keys(mine), ...Object.keys(theirs)]) as Set<keyof Message>;
    for (const field of fields) {
      if (isDeepStrictEqual(plain(mine[field]), plain(theirs[field]))) continue;
      const [has, is] = [mine[field], theirs[field]].map((value) => JSON.stringify(value));
      this.#add(
        held,
        FIELDS[field] ?? "unlike_otherwise",
        `has ${field} ${has} of ${mine.id}, served is ${is}`,
      );
    }
  }

  /** The list of pins is what the messages themselves say. */
  #comparePins(held: Held, { messages, pinned }: Served): void {
    const listed = new Set(pinned);
    for (const message of messages) {
      if (message.pinned !== listed.has(message.id))
        this.#add(
          held,
          "unlike_pins",
          `is served ${message.id} as ${message.pinned ? "" : "not "}pinned, the list says otherwise`,
        );
    }
  }

  #add({ client, channelId }: Held, kind: Kind, says: string): void {
    this.#findings.add("D4", kind, channelId, `${client} ${says}`);
  }
}

/** Must a client that holds this have the message? */
function reaches({ fromSeq, repliesAfterSeq }: Held, { seq, threadId }: Message): boolean {
  return threadId === undefined ? seq >= fromSeq : seq > repliesAfterSeq;
}

function saysSomething({ content, html, reactions, attachments, mentions }: Message): boolean {
  return content !== "" || html !== "" || reactions.length + attachments.length + mentions.length > 0;
}

/** As JSON carries it: a field that is undefined is one that is not there. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function byId(messages: readonly Message[]): Map<string, Message> {
  return new Map(messages.map((message) => [message.id, message]));
}

function key({ client, channelId }: { client: string; channelId: string }): string {
  return `${client} ${channelId}`;
}
