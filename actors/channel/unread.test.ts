import { describe, expect, it } from "vitest";
import type { Message } from "../../protocol/message.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import type { Decision } from "./decision.ts";
import { replayMark } from "./marks.ts";

const ada = user(1);
const bob = user(2);

let sends = 0;
const mention = (played: Played): Decision =>
  played.decide({
    type: "send",
    by: ada,
    attempt: 1,
    message: { ...said(client(++sends)), mentions: [{ kind: "user", userId: bob }] },
  });
const unreadIn = ({ notices = [] }: Decision) => notices[0]?.unread;

/** bob has read the first two of six mentions, of which memory holds none any more; Postgres lacks that mark. */
function farBehind(): { played: Played; marked: Decision } {
  const played = Played.of("group", ada);
  played.admit(ada, bob);
  const seqs = Array.from({ length: 6 }, () => {
    const { message } = mention(played).answer as never as { message: Message };
    return message.seq;
  });
  played.flush();
  played.outOfWindowSeq = played.log.length;
  return { played, marked: played.decide({ type: "mark", by: bob, read: seqs[1]! }) };
}

describe("rule E6: mentions behind a mark that moved part of the way, beyond what memory holds", () => {
  it("are told to who reads, and to who is mentioned next, before Postgres has the mark and after (rule L7)", () => {
    const { played, marked } = farBehind();
    expect(marked).toMatchObject({
      answer: { unread: 4 },
      notices: [{ unread: { unread: 4, mentions: 4 } }],
    });
    for (let unread = 5; unread < 9; unread++) {
      expect(unreadIn(mention(played))).toMatchObject({ unread, mentions: unread });
      if (unread % 2 === 0) played.flush();
    }
  });

  it("are told where Postgres lacks messages that came since", () => {
    const { played } = farBehind();
    mention(played);
    const read = played.log.length - 3;
    const { notices } = played.decide({ type: "mark", by: bob, read });
    expect(notices).toMatchObject([{ unread: { unread: 3, mentions: 3 } }]);
  });

  it("are told at once when the mark reaches the head", () => {
    const { played } = farBehind();
    const { notices } = played.decide({ type: "mark", by: bob, read: played.log.length });
    expect(notices).toMatchObject([{ userId: bob, unread: { unread: 0, mentions: 0 } }]);
  });

  it("are told where Postgres went back to an older mark", () => {
    const { played } = farBehind();
    played.flush();
    played.store.members.get(`${played.state.id}.${bob}`)!.readSeq -= 2;
    expect(unreadIn(mention(played))).toMatchObject({ unread: 5, mentions: 5 });
  });

  it("are not told where Postgres went back so far that nobody knows them: the message goes without", () => {
    const { played } = farBehind();
    played.forget();
    const { id } = played.state;
    replayMark(played.state, { userId: bob, read: played.log.length - 1, readCount: 5 });
    played.store.rows.get(id)!.channel.seq -= 3;
    for (let round = 0; round < 2; round++) {
      const decision = mention(played);
      expect(decision.notices).toHaveLength(1);
      expect(unreadIn(decision)).toBeUndefined();
    }
    played.do({ type: "mark", by: bob, read: played.log.length });
    expect(unreadIn(mention(played))).toMatchObject({ unread: 1, mentions: 1 });
  });

  it("are those behind the greater mark, where the log still holds an older one than Postgres (rule L7)", () => {
    const { played } = farBehind();
    played.forget();
    played.outOfWindowSeq = 0;
    const { readSeq } = played.store.memberRow(played.state.id, bob)!;
    replayMark(played.state, { userId: bob, read: readSeq - 1, readCount: 1 });
    expect(unreadIn(mention(played))).toMatchObject({ unread: 5, mentions: 5, lastReadSeq: readSeq });
  });
});
