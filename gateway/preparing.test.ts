import { beforeAll, describe, expect, test, vi } from "vitest";
import type { ChannelId, ClientId } from "../protocol/ids.ts";
import type { Message } from "../protocol/message.ts";
import type { MessageDraft } from "../protocol/requests.ts";
import { prepareEdit, prepareMessage, sentHash } from "./preparing.ts";
import { id, someMessage } from "./routes/rest-doubles.ts";

const draft = (more: object = {}): MessageDraft => ({
  clientId: "01890000-0000-7000-8000-000000000001" as ClientId,
  content: "hello @ann",
  ...more,
});
const nobody = async () => [];
const neverAsked = () => {
  throw new Error("asked");
};

/** On a busy machine the thread that colours may need another try before it has started. */
beforeAll(async () => {
  const prepared = () => prepareMessage(draft({ type: "code", content: "let x", language: "js" }), nobody);
  await vi.waitFor(
    async () => expect(await prepared()).toMatchObject({ html: expect.stringContaining("hljs-") }),
    60_000,
  );
}, 70_000);

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
    await expect(prepareMessage(draft({ content: "hello" }), neverAsked)).resolves.toMatchObject({
      html: "<p>hello</p>",
    });
  });

  test.each([
    [{ type: "image" }, { type: "image" }],
    [{ type: "video" }, { type: "video" }],
    [{ type: "system" }, { type: "system" }],
    [{ attachments: [] }, { field: "attachments" }],
    [{ attachments: ["x"], type: "code" }, { field: "attachments" }],
  ])("answers unsupported to %j, by name", async (more, details) => {
    await expect(prepareMessage(draft(more), nobody)).resolves.toMatchObject({
      ok: false,
      error: { code: "unsupported", details },
    });
  });

  test.each([{ language: "ts" }, { filename: "a.ts" }])("%j without code is malformed", async (more) => {
    await expect(prepareMessage(draft(more), nobody)).resolves.toMatchObject({
      error: { code: "malformed" },
    });
  });

  test("row C4: code is coloured where its language is known, and names nobody", async () => {
    const code = { type: "code", content: "let x = '@ann'; // <b>", language: "js", filename: "a.js" };
    const prepared = await prepareMessage(draft(code), neverAsked);
    expect(prepared).toMatchObject({ ...code, mentions: [] });
    const { html } = prepared as { html: string };
    expect(html).toMatch(/^<pre><code class="language-js"><span class="hljs-keyword">let<\/span>/);
    expect(html).toContain("&lt;b&gt;");
    for (const [language, opening] of [
      ["klingon", '<pre><code class="language-klingon">'],
      ['x" onclick="', "<pre><code>"],
      [undefined, "<pre><code>"],
    ] as const) {
      expect(await prepareMessage(draft({ ...code, language }), nobody)).toMatchObject({
        html: `${opening}let x = '@ann'; // &lt;b&gt;</code></pre>`,
      });
    }
  });

  test("row C4: a fence in a text is coloured in its place", async () => {
    const content = "a\n\n```js\nlet x\n```\n\n```klingon\nlet x\n```\n\n- ```js\n  let y\n  ```\n";
    const prepared = await prepareMessage(draft({ content }), nobody);
    const let_ = '<span class="hljs-keyword">let</span>';
    expect(prepared).toMatchObject({
      html: [
        "<p>a</p>",
        `<pre><code class="language-js">${let_} x`,
        '</code></pre>\n<pre><code class="language-klingon">let x',
        "</code></pre>\n<ul>\n<li>",
        `<pre><code class="language-js">${let_} y`,
        "</code></pre>\n</li>\n</ul>",
      ].join("\n"),
    });
  });

  test("row C7: replies and threads are passed on", async () => {
    const more = { replyTo: "r", threadId: "t" };
    expect(await prepareMessage(draft(more), nobody)).toMatchObject(more);
  });

  test("row S6: what is encrypted is not read: no HTML, no mentions, in text and in code", async () => {
    const encryption = { keyId: "k", algorithm: "a" };
    for (const type of ["text", "code"]) {
      const prepared = await prepareMessage(draft({ type, encryption }), neverAsked);
      expect(prepared).toMatchObject({ html: "", mentions: [], encryption, content: "hello @ann" });
    }
  });

  test("passes on that people cannot be looked up", async () => {
    await expect(prepareMessage(draft(), () => Promise.reject(new Error("away")))).rejects.toThrow("away");
  });
});

describe("row C5: another text for a message", () => {
  const message = (more: Partial<Message> = {}) => someMessage(id<ChannelId>(9), 1, more);
  test("is rendered as what the message is", async () => {
    expect(await prepareEdit(message(), "**a**", nobody)).toBe("<p><strong>a</strong></p>");
    expect(await prepareEdit(message({ type: "code" }), "**a**", nobody)).toBe(
      "<pre><code>**a**</code></pre>",
    );
    const encryption = { keyId: "k", algorithm: "a" };
    expect(await prepareEdit(message({ encryption }), "**a**", neverAsked)).toBe("");
  });
  test.each([
    ["text", 4_000],
    ["code", 16_000],
  ] as const)("of type %s has %i characters at most", async (type, max) => {
    expect(await prepareEdit(message({ type }), "a".repeat(max), nobody)).toContain("aaa");
    expect(await prepareEdit(message({ type }), "a".repeat(max + 1), nobody)).toMatchObject({
      error: { code: "malformed" },
    });
  });
  test("is not blank", async () => {
    expect(await prepareEdit(message(), "  ", nobody)).toMatchObject({ error: { code: "malformed" } });
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
