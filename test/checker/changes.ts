/**
 * What events do to messages, told again from the beginning. Row D1: the numbers that events carry are a recount's (rule J1).
 * Row D3: a change that was acked stands in the history.
 */
import type { Findings } from "./findings.ts";
import type { Changed, EventSeen, HistoryRecord } from "./history.ts";

const TYPES: Record<Changed["change"], EventSeen["type"]> = {
  edited: "message:updated",
  deleted: "message:deleted",
  pinned: "message:pinned",
  unpinned: "message:unpinned",
  reacted: "reaction:added",
  unreacted: "reaction:removed",
};

/** What a recount needs of a channel. */
type Count = { messages: number; replies: Map<string, number>; reactors: Map<string, Set<string>> };

export class ChangeRules {
  readonly #findings: Findings;
  /** By channel, then by seq: as whoever saw it first saw it. */
  readonly #events = new Map<string, Map<number, EventSeen>>();
  readonly #acked: Changed[] = [];

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  take(record: HistoryRecord): void {
    if (record.what === "events" || record.what === "sync")
      for (const event of record.events) this.#learn(record.channelId, event);
    else if (record.what === "logged") this.#learn(record.channelId, record.event);
    else if (record.what === "changed") this.#acked.push(record);
  }

  finish(): void {
    for (const [channelId, events] of this.#events) this.#recount(channelId, events);
    const done = new Set(
      [...this.#events.values()].flatMap((events) => [...events.values()].flatMap((event) => namesOf(event))),
    );
    for (const acked of this.#acked) {
      const { channelId, client, change, messageId } = acked;
      if (!done.has(nameOf({ ...acked, type: TYPES[change] }, messageId)))
        this.#findings.add(
          "D3",
          "change_lost",
          channelId,
          `${messageId} was acked to ${client} as ${change}, and no event says so`,
        );
    }
  }

  #learn(channelId: string, event: EventSeen): void {
    let events = this.#events.get(channelId);
    if (events === undefined) {
      events = new Map();
      this.#events.set(channelId, events);
    }
    if (!events.has(event.seq)) events.set(event.seq, event);
  }

  #recount(channelId: string, events: ReadonlyMap<number, EventSeen>): void {
    const count: Count = { messages: 0, replies: new Map(), reactors: new Map() };
    // Where something is missing every number behind it is unknown: that is another finding.
    for (let seq = 1; events.has(seq); seq++) {
      const event = events.get(seq)!;
      const wrong = miscounted(count, event);
      if (wrong) this.#findings.add("D1", "miscounted", channelId, `seq ${seq}, ${event.type}, ${wrong}`);
    }
  }
}

/** Counts an event; what it says of itself that the count does not, or undefined. */
function miscounted(so: Count, event: EventSeen): string | undefined {
  const { replies, reactors } = so;
  const { by, ordinal, threadId, replyCount, emoji, count } = event;
  const [messageId = ""] = event.messageIds ?? [];
  if (event.type === "message:new" && threadId === undefined) {
    so.messages += 1;
    return ordinal === so.messages ? undefined : `has ordinal ${ordinal} and is message ${so.messages}`;
  }
  if (event.type === "message:new") {
    const nth = (replies.get(threadId!) ?? 0) + 1;
    replies.set(threadId!, nth);
    if (ordinal !== nth) return `has ordinal ${ordinal} and is reply ${nth}`;
    return replyCount === nth ? undefined : `says ${replyCount} replies where there are ${nth}`;
  }
  if (emoji === undefined) return undefined;
  const name = `${messageId} ${emoji}`;
  const users = reactors.get(name) ?? new Set();
  reactors.set(name, users);
  if (event.type === "reaction:added") users.add(by);
  else users.delete(by);
  return count === users.size ? undefined : `says ${count} where ${users.size} reacted`;
}

function namesOf(event: EventSeen): string[] {
  return (event.messageIds ?? []).map((messageId) => nameOf(event, messageId));
}

/** What was done to a message, and by whom: the same for the event and for the ack. */
function nameOf(
  { type, by, content, emoji }: Pick<EventSeen, "type" | "by" | "content" | "emoji">,
  messageId: string,
): string {
  return JSON.stringify([type, by, messageId, content, emoji]);
}
