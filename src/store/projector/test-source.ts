/** A shard's log for the projector's tests, as the cluster would hand it out. */
import type { LogRecord } from "../../../actors/ports.ts";
import type { FlushSource, LogId } from "../../ports.ts";

/** A shard's confirmed records, one entry each, and what the projector said about them. */
export class TestSource implements FlushSource {
  readonly shard: number;
  readonly epoch: number;
  flushedUpTo: LogId;
  /** What the projector called, in order. */
  readonly heard: string[] = [];
  onFlushed: () => void = () => {};
  private readonly entries: { id: LogId; record: LogRecord }[] = [];
  private n = 0;

  constructor(shard: number, epoch: number, flushedUpTo: LogId = [0, 0]) {
    this.shard = shard;
    this.epoch = epoch;
    this.flushedUpTo = flushedUpTo;
  }

  append(records: readonly LogRecord[]): void {
    for (const record of records) this.entries.push({ id: [this.epoch, ++this.n], record });
  }

  peek(maxRecords: number) {
    const lacking = this.entries.filter(({ id }) => isAfter(id, this.flushedUpTo)).slice(0, maxRecords);
    const last = lacking.at(-1);
    return last && { records: lacking.map((entry) => entry.record), upTo: last.id };
  }

  flushed(upTo: LogId): void {
    this.flushedUpTo = upTo;
    this.heard.push(`flushed ${upTo.join("-")}`);
    this.onFlushed();
  }

  fenced(): void {
    this.heard.push("fenced");
  }

  rewound(to: LogId): void {
    this.flushedUpTo = to;
    this.heard.push(`rewound ${to.join("-")}`);
  }

  get left(): number {
    return this.entries.filter(({ id }) => isAfter(id, this.flushedUpTo)).length;
  }
}

function isAfter([epochA, a]: LogId, [epochB, b]: LogId): boolean {
  return epochA > epochB || (epochA === epochB && a > b);
}
