import { describe, expect, it } from "vitest";
import type { ChannelId } from "../../protocol/ids.ts";
import { dmId } from "../../src/lib/dm-id.ts";
import type { PreparedMessage } from "../commands.ts";
import { client, said, user } from "../doubles.ts";
import { Played } from "../playing.ts";
import { commandOf } from "./salvage.ts";

const ada = user(1);
const bob = user(2);
const send = (
  by: typeof ada,
  n: number,
  options: { attempt?: number; content?: string; durability?: "logged" | "persisted" } = {},
) =>
  ({
    type: "send",
    by,
    message: said(client(n), options.content),
    attempt: options.attempt ?? 1,
    durability: options.durability,
  }) as const;

describe("row D2, rule S1: sending once", () => {
  it("gives a message the next place and the next ordinal", () => {
    const played = Played.of("group", ada);
    const { message, durability } = played.do(send(ada, 1)) as never as {
      message: object;
      durability: string;
    };
    expect(message).toMatchObject({
      seq: 3,
      ordinal: 1,
      id: `${played.state.id}.3`,
      authorId: ada,
      clientId: client(1),
      html: "hello",
    });
    expect(durability).toBe("logged");
    expect(played.do(send(ada, 2))).toMatchObject({ message: { seq: 4, ordinal: 2 } });
  });

  it.each([1, 2, 99])("answers a resend with the first message, from memory (attempt %i)", (attempt) => {
    const played = Played.of("group", ada);
    const first = played.do(send(ada, 1));
    const again = played.do(send(ada, 1, { attempt }));
    expect(again).toEqual({ ...first, duplicate: true });
    expect(played.log).toHaveLength(3);
  });

  it.each([1, 2, 99])("answers a resend with the first message, from Postgres (attempt %i)", (attempt) => {
    const played = Played.of("group", ada);
    const first = played.do(send(ada, 1));
    played.do(send(ada, 2));
    played.flush();
    expect(played.state.unflushedSends).toBeUndefined();
    expect(played.do(send(ada, 1, { attempt }))).toEqual({
      ...first,
      duplicate: true,
      durability: "persisted",
    });
    expect(played.do(send(ada, 2, { attempt }))).toMatchObject({ duplicate: true, message: { seq: 4 } });
    expect(played.log).toHaveLength(4);
  });

  it.each(["edited", "deleted"])(
    "answers a resend of a message that was %s meanwhile with what stands there now",
    (what) => {
      const played = Played.of("group", ada);
      for (const n of [1, 2, 3]) played.do(send(ada, n));
      const change = (seq: number) =>
        what === "edited"
          ? played.do({ type: "edit", by: ada, seq, content: "better", html: "better" })
          : played.do({ type: "delete", by: ada, seqs: [seq] });
      const stands = what === "edited" ? { content: "better" } : { content: "", deletedAtMs: played.nowMs };
      const resent = (n: number) => played.do(send(ada, n, { attempt: 2 }));
      // Neither is in Postgres; the message is, its change is not; and both are.
      change(3);
      expect(resent(1)).toMatchObject({ duplicate: true, message: { seq: 3, ...stands } });
      played.flush();
      change(4);
      expect(resent(2)).toMatchObject({ duplicate: true, message: { seq: 4, ...stands } });
      played.flush();
      change(5);
      played.forget();
      played.outOfWindowSeq = played.state.fold.seq;
      expect(resent(3)).toMatchObject({ duplicate: true, message: { seq: 5, ...stands } });
      expect(played.log).toHaveLength(8);
    },
  );

  it("refuses the same clientId with another content, before and after the flush", () => {
    const played = Played.of("group", ada);
    played.do(send(ada, 1));
    expect(played.do(send(ada, 1, { content: "else" })).error?.code).toBe("conflict");
    played.flush();
    expect(played.do(send(ada, 1, { content: "else" })).error?.code).toBe("conflict");
  });

  it("takes a clientId that is not above the author's greatest, when it is new all the same", () => {
    const played = Played.of("group", ada);
    played.do(send(ada, 5));
    played.flush();
    expect(played.do(send(ada, 3))).toMatchObject({ ok: true, message: { seq: 4 } });
  });

  it("keeps authors apart who use the same clientId", () => {
    const played = Played.of("dm", ada, { other: bob });
    played.do(send(ada, 1));
    expect(played.do(send(bob, 1)).duplicate).toBeUndefined();
  });

  it("comes before every other rule: a resend from someone who is muted, gone or slowed is answered", () => {
    const played = Played.of("group", ada, { settings: { slowModeSeconds: 60 } });
    played.admit(ada, bob);
    const first = played.do(send(bob, 1));
    played.do({ type: "leave", by: bob });
    expect(played.do(send(bob, 1))).toEqual({ ...first, duplicate: true });
    expect(played.do(send(bob, 2)).error?.code).toBe("not_a_member");
  });
});

describe("row D3, rule S3: durability", () => {
  it("waits for the flush when it is asked to, by the request or by the channel", () => {
    const played = Played.of("group", ada);
    const asked = played.decide(send(ada, 1, { durability: "persisted" }));
    expect(asked).toMatchObject({ waitsForFlush: true, answer: { durability: "persisted" } });
    expect(played.decide(send(ada, 2)).waitsForFlush).toBe(false);
    const strict = Played.of("group", ada, { settings: { durability: "persisted" } });
    expect(strict.decide(send(ada, 1)).waitsForFlush).toBe(true);
    expect(strict.decide(send(ada, 2, { durability: "logged" })).waitsForFlush).toBe(false);
  });

  it("has a duplicate wait as well, unless Postgres has it already", () => {
    const played = Played.of("group", ada);
    played.do(send(ada, 1));
    expect(played.decide(send(ada, 1, { durability: "persisted" })).waitsForFlush).toBe(true);
    played.flush();
    const later = played.decide(send(ada, 1, { durability: "persisted", attempt: 2 }));
    expect(later).toMatchObject({
      waitsForFlush: false,
      answer: { durability: "persisted", duplicate: true },
    });
  });
});

describe("row C4: forms of a message", () => {
  const sendForm = (played: Played, form: Partial<PreparedMessage>) =>
    played.do({ type: "send", by: ada, attempt: 1, message: { ...said(client(1)), ...form } });

  it.each<Partial<PreparedMessage>>([
    { type: "code", language: "rust", filename: "main.rs", html: "<pre>fn</pre>" },
    { encryption: { keyId: "k", algorithm: "a" }, html: "" },
    { metadata: { colour: "red" } },
  ])("takes %j, and keeps it as it came", (form) => {
    const played = Played.of("group", ada);
    expect(sendForm(played, form)).toMatchObject({ ok: true, message: form });
    const { message } = sendForm(played, form) as never as { message: object };
    expect(message).not.toHaveProperty("sentHash");
  });

  it.each<Partial<PreparedMessage>>([
    { type: "system" },
    { type: "image" },
    { type: "file" },
    { type: "audio" },
    { type: "video" },
    { attachments: [{ id: "a", type: "file", url: "u", filename: "f", mimeType: "m", sizeBytes: 1 }] },
  ])("refuses %j as unsupported and logs nothing", (form) => {
    const played = Played.of("group", ada);
    const before = played.log.length;
    expect(sendForm(played, form).error?.code).toBe("unsupported");
    expect(played.log).toHaveLength(before);
  });
});

describe("row C3, rule E2: the dm of two people", () => {
  const id = dmId<ChannelId>(ada, bob);

  it("is made by its first message", () => {
    const played = new Played(id);
    const answer = played.do({ ...send(bob, 1), pair: [bob, ada] });
    expect(answer).toMatchObject({ ok: true, message: { seq: 4, ordinal: 1 } });
    expect(played.log.map(({ event }) => event.type)).toEqual([
      "channel:created",
      "member:joined",
      "member:joined",
      "message:new",
    ]);
    expect(played.do({ ...send(ada, 1), pair: [ada, bob] })).toMatchObject({ ok: true, message: { seq: 5 } });
    expect(played.state.fold).toMatchObject({ memberCount: 2, messageCount: 2 });
  });

  it("is the same for whoever makes it, and never another's", () => {
    expect(dmId(ada, bob)).toBe(dmId(bob, ada));
    const played = new Played(id);
    expect(played.do({ ...send(user(3), 1), pair: [ada, bob] }).error?.code).toBe("not_found");
    expect(played.do({ ...send(ada, 1), pair: [ada, user(3)] }).error?.code).toBe("not_found");
    expect(played.do({ ...send(ada, 1), pair: [ada, ada] }).error?.code).toBe("not_found");
    expect(played.do(send(ada, 1)).error?.code).toBe("not_found");
  });

  it("answers `create` with what is there", () => {
    const played = new Played(id);
    const create = (by: typeof ada, other: typeof ada) =>
      played.do({ type: "create", by, channel: { kind: "dm", settings: {} }, memberIds: [other] });
    expect(create(ada, user(3)).error?.code).toBe("malformed");
    expect(create(ada, bob)).toMatchObject({
      ok: true,
      created: true,
      channel: { kind: "dm", memberCount: 2, seq: 3 },
    });
    expect(create(bob, ada)).toMatchObject({
      ok: true,
      created: false,
      membership: { userId: bob, role: "member" },
    });
    expect(played.log).toHaveLength(3);
    expect(played.do({ type: "leave", by: ada }).error?.code).toBe("forbidden");
  });
});

describe("rule G3: salvage", () => {
  it("turns every record of a run into commands that bring it back elsewhere, and change nothing where it is", () => {
    const first = Played.of("group", ada);
    first.admit(ada, bob);
    first.say(bob, "one");
    first.say(ada, "two");
    first.do({ type: "leave", by: bob });
    const commands = first.log.flatMap((record) => commandOf(record) ?? []);
    expect(commands.map(({ type }) => type)).toEqual(["create", "invite", "join", "send", "send", "leave"]);
    const elsewhere = new Played(first.state.id, 2);
    for (const command of commands) expect(elsewhere.do(command).ok).toBe(true);
    expect(elsewhere.log.map(({ event }) => event)).toEqual(
      first.log.map(({ event }) =>
        event.type === "channel:created" ? { ...event, channel: { ...event.channel, epoch: 2 } } : event,
      ),
    );
    const length = elsewhere.log.length;
    for (const command of commands)
      if (command.type === "send") expect(elsewhere.do(command).duplicate).toBe(true);
    expect(elsewhere.log).toHaveLength(length);
  });

  it("brings a dm back with both of its people", () => {
    const id = dmId<ChannelId>(ada, bob);
    const first = new Played(id);
    first.do({ ...send(ada, 1), pair: [ada, bob] });
    const commands = first.log.flatMap((record) => commandOf(record) ?? []);
    expect(commands.map(({ type }) => type)).toEqual(["create", "send"]);
    const elsewhere = new Played(id, 2);
    for (const command of commands) expect(elsewhere.do(command).ok).toBe(true);
    expect(elsewhere.state.fold).toMatchObject({ seq: 4, memberCount: 2, messageCount: 1 });
  });

  it("sends marks again", () => {
    expect(
      commandOf({
        channelId: Played.of("group", ada).state.id,
        mark: { userId: ada, read: 3, readCount: 1 },
      }),
    ).toEqual({
      type: "mark",
      by: ada,
      read: 3,
    });
  });
});
