import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { UserId } from "../protocol/ids.ts";
import type { User } from "../protocol/users.ts";
import { ADDRESSES_MAX, MARKUP_MAX, MENTIONS_MAX, parseMarkdown, parseText } from "./rendering.ts";

const user = (n: number, username: string): User => ({
  id: `01890000-0000-7000-8000-00000000000${n}` as UserId,
  username,
  displayName: username,
  bot: false,
  createdAtMs: 1,
});
const PEOPLE = [user(1, "Ann"), user(2, "bob-made"), user(3, "a.b")];
const render = (text: string) => parseText(text).render(PEOPLE);
const LINK = 'rel="noopener nofollow ugc" target="_blank"';
const ann = (written = "@ann") => `<span class="mention" data-user-id="${PEOPLE[0]!.id}">${written}</span>`;

describe("row C4: text is rendered", () => {
  test("the short way for plain words gives what Markdown gives", () => {
    const unit = fc.constantFrom(...Array.from("aé字ا̀1٣ .,;!?'\"-_*@:/#>&\n\t\u00a0"));
    fc.assert(
      fc.property(fc.string({ unit, minLength: 1, maxLength: 12 }), (text) => {
        expect(render(text)).toEqual(parseMarkdown(text).render(PEOPLE));
      }),
      { numRuns: 5_000 },
    );
  });

  test.each([
    ["plain", "hello", "<p>hello</p>"],
    ["two lines", "one\ntwo", "<p>one<br />\ntwo</p>"],
    ["two paragraphs", "one\n\ntwo", "<p>one</p>\n<p>two</p>"],
    ["emphasis", "*a* **b** ~~c~~", "<p><em>a</em> <strong>b</strong> <s>c</s></p>"],
    ["inline code", "`<b>`", "<p><code>&lt;b&gt;</code></p>"],
    [
      "a fence with its language",
      "```ts\na < b\n```",
      '<pre><code class="language-ts">a &lt; b\n</code></pre>',
    ],
    ["a list that starts at three", "3. x", '<ol start="3">\n<li>x</li>\n</ol>'],
    ["a quote", "> q", "<blockquote>\n<p>q</p>\n</blockquote>"],
    ["a heading", "## h", "<h2>h</h2>"],
    ["a link", "[x](https://e.org/?a=1&b=2)", `<p><a href="https://e.org/?a=1&amp;b=2" ${LINK}>x</a></p>`],
    ["a bare address", "see https://e.org.", `<p>see <a href="https://e.org" ${LINK}>https://e.org</a>.</p>`],
    ["an e-mail address", "mail a@e.org", `<p>mail <a href="mailto:a@e.org" ${LINK}>a@e.org</a></p>`],
    [
      "a picture as a link: nothing is loaded",
      "![x](https://e.org/p.png)",
      `<p>!<a href="https://e.org/p.png" ${LINK}>x</a></p>`,
    ],
    ["raw HTML as text", "<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"],
    ["emoji", "👩‍💻 :tada:", "<p>👩‍💻 :tada:</p>"],
    ["right to left", "שלום", "<p>שלום</p>"],
  ])("%s", (_what, text, html) => {
    expect(render(text)).toEqual({ html, mentions: [] });
  });
});

describe("row C10: mentions are found once, outside code", () => {
  const one = [{ kind: "user", userId: PEOPLE[0]!.id }];
  test.each([
    ["a person, without case", "hi @ANN", `<p>hi ${ann("@ANN")}</p>`, one],
    ["twice is once", "@ann @ann", `<p>${ann()} ${ann()}</p>`, one],
    ["before a full stop", "ask @ann.", `<p>ask ${ann()}.</p>`, one],
    ["in brackets and emphasis", "(**@ann**)", `<p>(<strong>${ann()}</strong>)</p>`, one],
    [
      "the longest name that exists",
      "@bob-made @ann-made",
      `<p><span class="mention" data-user-id="${PEOPLE[1]!.id}">@bob-made</span> ${ann()}-made</p>`,
      [{ kind: "user", userId: PEOPLE[1]!.id }, ...one],
    ],
    [
      "everyone and here",
      "@everyone @here",
      '<p><span class="mention">@everyone</span> <span class="mention">@here</span></p>',
      [{ kind: "everyone" }, { kind: "here" }],
    ],
    ["nobody", "@nobody", "<p>@nobody</p>", []],
    ["not in code", "`@ann`", "<p><code>@ann</code></p>", []],
    ["not in a fence", "```\n@everyone\n```", "<pre><code>@everyone\n</code></pre>", []],
    ["not inside a word", "x@ann y", "<p>x@ann y</p>", []],
    ["not after another @", "@@ann", "<p>@@ann</p>", []],
    [
      "not in an address",
      "https://e.org/@ann",
      `<p><a href="https://e.org/@ann" ${LINK}>https://e.org/@ann</a></p>`,
      [],
    ],
    ["not escaped", "\\@ann", "<p>@ann</p>", []],
  ])("%s", (_what, text, html, mentions) => {
    expect(render(text)).toEqual({ html, mentions });
  });

  test("at most so many names are looked up", () => {
    const text = Array.from({ length: 80 }, (_, i) => `@u${i}xx`).join(" ");
    expect(parseText(text).names).toHaveLength(MENTIONS_MAX);
  });
});

describe("nothing that runs leaves the renderer", () => {
  const payloads = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=javascript:alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<style>*{background:url(//e)}</style>",
    "<base href=//e>",
    "<form action=//e><button>",
    "<!--><script>alert(1)</script>-->",
    "<x onclick=alert(1)>",
    "<<script>script>alert(1)<</script>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](\u0001javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](%6Aavascript:alert(1))",
    "[x](vbscript:x)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](data:image/svg+xml;base64,PHN2Zz4=)",
    "![x](data:image/png;base64,AA==)",
    "![x](javascript:alert(1))",
    '![x" onerror="alert(1)](https://e.org)',
    "[x](file:///etc/passwd)",
    "[x](//e.org)",
    "[x](/admin)",
    "[x](#top)",
    "[x](ftp://e.org)",
    "[x](blob:https://e.org/1)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x][y]\n\n[y]: javascript:alert(1) "t"',
    "[x](https://e.org 'a\" onmouseover=\"alert(1)')",
    '[x](https://e.org" onmouseover="alert(1))',
    '["><script>alert(1)</script>](https://e.org)',
    'https://e.org/"onmouseover="alert(1)',
    "https://e.org/<script>alert(1)</script>",
    "`</code><script>alert(1)</script>`",
    '```"><script>alert(1)</script>\nx\n```',
    "```js onload=alert(1)\nx\n```",
    "~~~</code></pre><script>\nx\n~~~",
    "|<script>|\n|-|\n|<img onerror=alert(1)>|",
    '@ann"><script>alert(1)</script>',
    "@<img src=x onerror=alert(1)>",
    "\u0000<script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "<a\thref=javascript:alert(1)>x",
    "< script >alert(1)</ script >",
    "<ScRiPt>alert(1)</sCrIpT>",
    "<svg><animate onbegin=alert(1) attributeName=x>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<link rel=stylesheet href=//e>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
  ];
  const TAG = /<\/?([a-z0-9]+)((?:\s+[a-z-]+="[^"<>]*")*)\s*\/?>/g;
  const TAGS =
    /^(p|br|hr|strong|em|s|code|pre|blockquote|ul|ol|li|a|span|h[1-6]|table|thead|tbody|tr|th|td)$/;
  const ATTRIBUTE =
    /^(?:href="(?:https?:\/\/|mailto:)[^"]*"|title="[^"]*"|rel="noopener nofollow ugc"|target="_blank"|class="(?:mention|language-[\w+#-]+)"|data-user-id="[0-9a-f-]{36}"|start="\d+")$/;

  test.each(payloads)("%s", (payload) => {
    const { html } = render(payload);
    // Taken apart, every tag is on the list and every attribute has an allowed form; nothing else opens a tag.
    for (const [, tag, attributes] of html.matchAll(TAG)) {
      expect(tag).toMatch(TAGS);
      for (const [attribute] of attributes!.matchAll(/[a-z-]+="[^"]*"/g))
        expect(attribute).toMatch(ATTRIBUTE);
    }
    expect(html.replaceAll(TAG, "")).not.toMatch(/[<>]/);
  });
});

describe("what would take long is shown as it was written", () => {
  test.each([
    ["markup", "**".repeat(MARKUP_MAX)],
    ["addresses", "a@b.co ".repeat(ADDRESSES_MAX + 1)],
    ["table cells", "|a|b|\n|-|-|\n".repeat(300)],
  ])("too much %s", (_what, text) => {
    const { html, mentions } = render(`<i>${text}</i>\n@ann`);
    expect(html).toBe(`<p>&lt;i&gt;${text.replaceAll("\n", "<br>\n")}&lt;/i&gt;<br>\n@ann</p>`);
    expect(mentions).toEqual([]);
  });

  test("nesting is cut, not followed", () => {
    expect(render(`${"> ".repeat(400)}x`).html.match(/<blockquote>/g)!.length).toBeLessThan(25);
  });
});
