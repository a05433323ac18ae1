/** The acked messages that a k6 run wrote down, against Postgres: each there once, where its ack said. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import pg from "pg";

/** `atMs`: when the ack came. `epoch` 0: not known. */
export type Acked = { channelId: string; seq: number; epoch: number; clientId: string; atMs: number };

export type AckedReport = {
  acked: number;
  /** Messages of the same channels in Postgres. */
  stored: number;
  /** Acked and not there. */
  lost: number;
  /** There under another seq, or another reign. */
  elsewhere: number;
  /** There more than once. */
  twice: number;
  /** Channels whose messages are not in the order of their reigns and times. */
  disordered: number;
  examples: string[];
};

const EXAMPLES_MAX = 10;

/** Lines of `{ channelId, seq, epoch, clientId, atMs }`; whatever else is in the file is passed over. */
export async function readAcked(path: string): Promise<Acked[]> {
  const acked: Acked[] = [];
  for await (const line of createInterface({ input: createReadStream(path) })) {
    if (line.startsWith('{"channelId"')) acked.push(JSON.parse(line) as Acked);
  }
  return acked;
}

export async function checkAcked(databaseUrl: string, acked: readonly Acked[]): Promise<AckedReport> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select channel_id as "channelId", seq::int, epoch::int, client_id as "clientId", at_ms::float8 as "atMs"
         from messages where channel_id = any($1) order by channel_id, seq`,
      [[...new Set(acked.map(({ channelId }) => channelId))]],
    );
    return compare(acked, rows as Acked[]);
  } finally {
    await client.end();
  }
}

/** `rows` by channel and seq; their `atMs` is the message's. */
export function compare(acked: readonly Acked[], rows: readonly Acked[]): AckedReport {
  const report: AckedReport = {
    acked: acked.length,
    stored: rows.length,
    lost: 0,
    elsewhere: 0,
    twice: 0,
    disordered: 0,
    examples: [],
  };
  const stored = new Map<string, Acked>();
  const found = (kind: "lost" | "elsewhere" | "twice" | "disordered", says: string) => {
    report[kind] += 1;
    if (report.examples.length < EXAMPLES_MAX) report.examples.push(`${kind}: ${says}`);
  };
  for (const [i, row] of rows.entries()) {
    const key = `${row.channelId} ${row.clientId}`;
    if (stored.has(key)) found("twice", `${row.clientId} is seq ${stored.get(key)!.seq} and seq ${row.seq}`);
    stored.set(key, row);
    const last = rows[i - 1];
    if (last?.channelId === row.channelId && (row.epoch < last.epoch || row.atMs < last.atMs)) {
      found("disordered", `seq ${row.seq} of ${row.channelId} is older than seq ${last.seq}`);
    }
  }
  for (const ack of acked) {
    const row = stored.get(`${ack.channelId} ${ack.clientId}`);
    if (row === undefined) found("lost", `${ack.clientId}, acked as seq ${ack.seq} of ${ack.channelId}`);
    else if (row.seq !== ack.seq || (ack.epoch !== 0 && row.epoch !== ack.epoch)) {
      found(
        "elsewhere",
        `${ack.clientId}, acked as (${ack.seq}, ${ack.epoch}), is (${row.seq}, ${row.epoch})`,
      );
    }
  }
  return report;
}
