/** Row D4: who was put out of a channel hears nothing of it from there on, whatever befalls the nodes meanwhile (rule H2). */
import type { Findings } from "./findings.ts";
import type { HistoryRecord, Out } from "./history.ts";

export class OutsiderRules {
  readonly #findings: Findings;
  /** The seq with which a user left a channel: by channel and user. */
  readonly #left = new Map<string, number>();
  /** The last seq that a client was given of a channel: by client and channel. */
  readonly #heard = new Map<string, number>();
  readonly #outs: Out[] = [];

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  take(record: HistoryRecord): void {
    if (record.what === "out") this.#outs.push(record);
    else if (record.what === "events" || record.what === "sync") {
      const name = `${record.client} ${record.channelId}`;
      for (const { seq, leftBy } of record.events) {
        this.#heard.set(name, Math.max(seq, this.#heard.get(name) ?? 0));
        if (leftBy !== undefined) this.#left.set(`${record.channelId} ${leftBy}`, seq);
      }
    }
  }

  finish(): void {
    for (const { client, channelId, userId } of this.#outs) {
      // Where nobody has heard of it there is nothing to compare with: it was lost with owner and tail.
      const out = this.#left.get(`${channelId} ${userId}`);
      const heard = this.#heard.get(`${client} ${channelId}`) ?? 0;
      if (out !== undefined && heard > out)
        this.#findings.add(
          "D4",
          "let_in",
          channelId,
          `${client} was put out with seq ${out} and heard up to seq ${heard}`,
        );
    }
  }
}
