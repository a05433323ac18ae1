import { describe, expect, it } from "vitest";
import { check } from "./checker.ts";
import type { EventSeen, HistoryRecord } from "./history.ts";

const channelId = "channel";
const by = "user";

const message = (seq: number, clientId: string): EventSeen => ({
  seq,
  type: "message:new",
  by,
  atMs: 1_000 + seq,
  clientId,
  content: clientId,
  ordinal: seq,
  messageIds: [clientId],
  digest: clientId,
});
const said = (
  seq: number,
  clientId: string,
  durability: "logged" | "persisted" = "logged",
): HistoryRecord[] => [
  { what: "send", client: "a", channelId, by, clientId, attempt: 1, content: clientId, durability },
  { what: "ack", client: "a", channelId, by, clientId, seq, durability },
];
const heard = (client: string, epoch: number, ...events: EventSeen[]): HistoryRecord => ({
  what: "events",
  client,
  channelId,
  epoch,
  events,
});
const reset = (client: string, afterSeq: number): HistoryRecord[] => [
  {
    what: "sync",
    client,
    channelId,
    via: "sync",
    afterSeq,
    events: [],
    seq: 1,
    epoch: 2,
    more: false,
    reset: true,
  },
  { what: "open", client, channelId, seq: 1, epoch: 2 },
];
const stored = (seq: number, clientId: string, epoch: number): HistoryRecord[] => [
  { what: "logged", channelId, epoch, event: message(seq, clientId) },
  { what: "row", channelId, seq, epoch, authorId: by, clientId, content: clientId, atMs: 1_000 + seq },
];

/** `kept` is in Postgres; `gone` was acked and heard, and died with owner and tail; `after` took its place. */
function run(parts: {
  early?: HistoryRecord[];
  gone?: HistoryRecord[];
  told?: HistoryRecord[];
  loss?: HistoryRecord[];
}): HistoryRecord[] {
  const { early = [], gone = said(2, "gone"), told = [...reset("a", 2), ...reset("b", 2)] } = parts;
  const { loss = [{ what: "loss", tail: 0, channelIds: [channelId] }] } = parts;
  return [
    { what: "open", client: "a", channelId, seq: 0, epoch: 1 },
    { what: "open", client: "b", channelId, seq: 0, epoch: 1 },
    ...said(1, "kept"),
    heard("a", 1, message(1, "kept")),
    heard("b", 1, message(1, "kept")),
    ...early,
    { what: "tail", tail: 0 },
    ...gone,
    heard("a", 1, message(2, "gone")),
    heard("b", 1, message(2, "gone")),
    { what: "tail-end", tail: 0 },
    ...told,
    ...said(2, "after"),
    heard("a", 2, message(2, "after")),
    heard("b", 2, message(2, "after")),
    ...loss,
    ...stored(1, "kept", 1),
    ...stored(2, "after", 2),
    { what: "channel", channelId, seq: 2, epoch: 2 },
  ];
}

const kindsOf = async (history: HistoryRecord[]) => (await check(history)).violations.map(({ kind }) => kind);

describe("an owner that died together with the end of Redis's log", () => {
  it("rule I1: may lose what was acked as `logged` meanwhile, where everyone was reset", async () => {
    const report = await check(run({}));
    expect(report.violations).toEqual([]);
    expect(report.lost).toEqual({ acks: 1, events: 1 });
  });

  it("may not have lost anything where no such death is known", async () => {
    expect(await kindsOf(run({ loss: [] }))).toContain("lost");
  });

  it("may not have lost anything in the channel of another owner", async () => {
    const loss: HistoryRecord[] = [{ what: "loss", tail: 0, channelIds: ["another"] }];
    expect(await kindsOf(run({ loss }))).toContain("lost");
  });

  it("loses no `persisted` ack", async () => {
    expect(await kindsOf(run({ gone: said(2, "gone", "persisted") }))).toContain("lost");
  });

  it("loses nothing that was acked before the tail began", async () => {
    expect(await kindsOf(run({ early: said(2, "gone"), gone: [] }))).toContain("lost");
  });

  it("loses nothing that was acked after Redis was gone", async () => {
    expect(
      await kindsOf(run({ gone: [], told: [...reset("a", 2), ...reset("b", 2), ...said(2, "gone")] })),
    ).toContain("lost");
  });

  it("leaves nobody with what is gone", async () => {
    const { violations } = await check(run({ told: reset("a", 2) }));
    expect(violations.map(({ kind, says }) => [kind, says])).toContainEqual([
      "not_reset",
      "b has seq 2 of a lost history and was never reset",
    ]);
  });

  it("is no excuse for a second history that both stand", async () => {
    const both = [...run({}), ...stored(2, "gone", 1)];
    expect(await kindsOf(both)).toContain("fork");
  });
});
