/**
 * Rows D2 and D3: an acked message is in Postgres once, as it was sent, under the seq that the ack named, however often
 * it was sent; the ack is as durable as was asked; who was refused for good is not stored.
 */
import type { Durability } from "../../protocol/message.ts";
import type { Findings } from "./findings.ts";
import type { Ack, EventSeen, HistoryRecord, MessageRow, Send } from "./history.ts";

type Sent = {
  send: Send;
  attempts: number;
  /** The greatest seq that anyone had been acked in this channel before the first attempt: this message is later. */
  afterSeq: number;
  ack?: Ack;
  /** Acks that did not say `duplicate`. */
  firstAcks: number;
  /** Answers `never`: with as many as attempts, and no ack, the message must not exist. */
  refusedForGood: number;
};

export class SendRules {
  readonly #findings: Findings;
  readonly #allAnswered: boolean;
  readonly #sent = new Map<string, Sent>();
  readonly #ackedUpTo = new Map<string, number>();
  readonly #rows = new Map<string, MessageRow>();
  /** The seq under which each message was seen. */
  readonly #sequenced = new Map<string, number>();

  constructor(findings: Findings, allAnswered: boolean) {
    this.#findings = findings;
    this.#allAnswered = allAnswered;
  }

  take(record: HistoryRecord): void {
    switch (record.what) {
      case "send":
        this.#takeSend(record);
        break;
      case "ack":
        this.#takeAck(record);
        break;
      case "refused": {
        const sent = this.#sent.get(key(record.channelId, record.by, record.clientId));
        if (sent !== undefined && record.retry === "never") sent.refusedForGood += 1;
        break;
      }
      case "events":
      case "sync":
        for (const event of record.events) this.#takeEvent(record.channelId, event);
        break;
      case "logged":
        this.#takeEvent(record.channelId, record.event);
        break;
      case "row":
        this.#takeRow(record);
        break;
    }
  }

  finish(): void {
    for (const [name, sent] of this.#sent) {
      const row = this.#rows.get(name);
      if (sent.ack !== undefined) this.#checkAcked(sent, sent.ack, row);
      else this.#checkUnacked(sent, row, this.#sequenced.get(name));
      if (row !== undefined && row.content !== sent.send.content) {
        this.#findings.add(
          "D2",
          "content_changed",
          row.channelId,
          `${row.clientId} was sent as ${short(sent.send.content)} and stored as ${short(row.content)}`,
        );
      }
    }
    for (const [name, row] of this.#rows) {
      if (!this.#sent.has(name))
        this.#findings.add(
          "D3",
          "unsent",
          row.channelId,
          `seq ${row.seq}, message ${row.clientId}, was never sent`,
        );
    }
  }

  #takeSend(send: Send): void {
    const name = key(send.channelId, send.by, send.clientId);
    const before = this.#sent.get(name);
    if (before !== undefined) before.attempts += 1;
    else {
      const afterSeq = this.#ackedUpTo.get(send.channelId) ?? 0;
      this.#sent.set(name, { send, attempts: 1, afterSeq, firstAcks: 0, refusedForGood: 0 });
    }
  }

  #takeAck(ack: Ack): void {
    const { channelId, clientId, seq } = ack;
    const sent = this.#sent.get(key(channelId, ack.by, clientId));
    if (sent === undefined) {
      this.#findings.add(
        "D3",
        "ack_unasked",
        channelId,
        `${clientId} was acked as seq ${seq} and never sent`,
      );
      return;
    }
    if (ack.duplicate !== true) sent.firstAcks += 1;
    if (sent.ack !== undefined && sent.ack.seq !== seq) {
      this.#findings.add(
        "D2",
        "two_answers",
        channelId,
        `${clientId} was acked as seq ${sent.ack.seq} and as seq ${seq}`,
      );
    } else if (sent.firstAcks === 2) {
      this.#findings.add(
        "D2",
        "two_first_acks",
        channelId,
        `${clientId} was acked twice without \`duplicate\``,
      );
    }
    if (seq <= sent.afterSeq) {
      this.#findings.add(
        "D1",
        "acked_out_of_order",
        channelId,
        `${clientId} got seq ${seq}, sent after seq ${sent.afterSeq} had been acked`,
      );
    }
    if (weaker(ack.durability, sent.send.durability)) {
      this.#findings.add(
        "D3",
        "weaker_than_asked",
        channelId,
        `${clientId} asked for ${sent.send.durability} and was acked as ${ack.durability}`,
      );
    }
    sent.ack ??= ack;
    if (seq > (this.#ackedUpTo.get(channelId) ?? 0)) this.#ackedUpTo.set(channelId, seq);
  }

  #takeEvent(channelId: string, event: EventSeen): void {
    if (event.clientId === undefined) return;
    const name = key(channelId, event.by, event.clientId);
    const seq = this.#sequenced.get(name);
    if (seq === undefined) this.#sequenced.set(name, event.seq);
    else if (seq !== event.seq) {
      this.#findings.add(
        "D2",
        "sequenced_twice",
        channelId,
        `${event.clientId} is seq ${seq} and seq ${event.seq}`,
      );
    }
  }

  #takeRow(row: MessageRow): void {
    const name = key(row.channelId, row.authorId, row.clientId);
    const before = this.#rows.get(name);
    if (before !== undefined) {
      this.#findings.add(
        "D2",
        "stored_twice",
        row.channelId,
        `${row.clientId} is stored as seq ${before.seq} and seq ${row.seq}`,
      );
    }
    this.#rows.set(name, before ?? row);
  }

  #checkAcked({ send }: Sent, ack: Ack, row: MessageRow | undefined): void {
    if (row === undefined) {
      this.#findings.add(
        "D3",
        "lost",
        send.channelId,
        `${send.clientId} was acked as seq ${ack.seq} (${ack.durability}) and is not in Postgres`,
      );
    } else if (row.seq !== ack.seq) {
      this.#findings.add(
        "D1",
        "acked_elsewhere",
        send.channelId,
        `${send.clientId} was acked as seq ${ack.seq} and is stored as seq ${row.seq}`,
      );
    }
  }

  #checkUnacked(sent: Sent, row: MessageRow | undefined, heardAs: number | undefined): void {
    const { send, attempts, refusedForGood } = sent;
    const refused = refusedForGood >= attempts;
    if (refused && heardAs !== undefined) {
      this.#findings.add(
        "D3",
        "refused_but_heard",
        send.channelId,
        `${send.clientId} was refused for good and heard as seq ${heardAs}`,
      );
    }
    if (refused && row !== undefined) {
      this.#findings.add(
        "D3",
        "refused_but_stored",
        send.channelId,
        `${send.clientId} was refused for good and is stored as seq ${row.seq}`,
      );
    }
    if (refusedForGood === 0 && this.#allAnswered) {
      this.#findings.add(
        "D3",
        "unanswered",
        send.channelId,
        `${send.clientId} was sent ${attempts} times and never answered for good`,
      );
    }
  }
}

/** An author's message in a channel: what a `clientId` is unique within. */
function key(channelId: string, by: string, clientId: string): string {
  return `${channelId} ${by} ${clientId}`;
}

function weaker(got: Durability, asked: Durability | undefined): boolean {
  return asked === "persisted" && got !== "persisted";
}

function short(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 39)}…` : text);
}
