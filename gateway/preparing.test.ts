import { describe, expect, test } from "vitest";
import type { ClientId } from "../protocol/ids.ts";
import type { MessageDraft } from "../protocol/requests.ts";
import { prepareMessage, sentHash } from "./preparing.ts";

const draft = (more: object = {}): MessageDraft => ({
  clientId: "01890000-0000-7000-8000-000000000001" as ClientId,
  content: "hello @ann",
  ...more,
});
const nobody = async () => [];

describe("rule H6: preparing a message", () => {
  test("row C4: text is rendered, and its own words are kept", async () => {
    const asked: string[][] = [];
    const prepared = await prepareMessage(draft({ metadata: { a: 1 } }), async (names) => {
      asked.push(names);
      return [];
    });
    expect(prepared).toEqual({
      clientId: draft().clientId,
      type: "text",
      content: "hello @ann",
      html: "<p>hello @ann</p>",
      mentions: [],
      attachments: [],
      metadata: { a: 1 },
      sentHash: sentHash(draft({ metadata: { a: 1 } })),
    });
    expect(asked).toEqual([["ann"]]);
  });

  test("asks for nobody where nobody is named", async () => {
    const never = () => {
      throw new Error("asked");
    };
    await expect(prepareMessage(draft({ content: "hello" }), never)).resolves.toMatchObject({
      html: "<p>hello</p>",
    });
  });

  test.each([
    { type: "code" },
    { type: "image" },
    { type: "video" },
    { replyTo: "x" },
    { threadId: "x" },
    { attachments: [] },
    { encryption: { keyId: "k", algorithm: "a" } },
    { language: "ts" },
    { filename: "a.ts" },
  ])("answers unsupported to %j", async (more) => {
    await expect(prepareMessage(draft(more), nobody)).resolves.toMatchObject({
      ok: false,
      error: { code: "unsupported" },
    });
  });

  test("passes on that people cannot be looked up", async () => {
    await expect(prepareMessage(draft(), () => Promise.reject(new Error("away")))).rejects.toThrow("away");
  });
});

describe("rule S1: the hash of what was said", () => {
  test("does not know clientId, attempt, durability, the order of keys, or a default that was written out", () => {
    const hash = sentHash(draft({ metadata: { a: 1, b: 2 } }));
    expect(
      sentHash(
        draft({
          clientId: "01890000-0000-7000-8000-000000000002" as ClientId,
          attempt: 3,
          durability: "persisted",
          type: "text",
          metadata: { b: 2, a: 1 },
        }),
      ),
    ).toBe(hash);
    expect(sentHash(draft({ metadata: {} }))).toBe(sentHash(draft()));
  });

  test("differs with every word", () => {
    const others = [{ content: "hello" }, { metadata: { a: 1 } }, { type: "code" }].map((more) =>
      sentHash(draft(more)),
    );
    expect(new Set([sentHash(draft()), ...others]).size).toBe(4);
  });

  test("never changes: it is kept with every message", () => {
    expect(sentHash(draft({ content: "hello" }))).toBe(
      "5877a7958edbd01680834a0e6c073d9caee5e199d292076067cb046fc5b10c02",
    );
  });
});
