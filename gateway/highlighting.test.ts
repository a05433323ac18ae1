import { afterEach, describe, expect, test } from "vitest";
import { Highlighter } from "./highlighting.ts";

let highlighter: Highlighter;
const start = (options?: ConstructorParameters<typeof Highlighter>[0]) =>
  (highlighter = new Highlighter({ workMaxMs: 5_000, ...options }));
afterEach(() => highlighter.close());

/** Quadratic in the grammar of Java: half a minute. */
const HOSTILE = "$".repeat(64_000);

describe("row C4: code in colours", () => {
  test("classes and no styles, by any name of the language", async () => {
    start();
    for (const language of ["ts", "typescript", "TypeScript"]) {
      expect(await highlighter.highlight("const a = 1;", language)).toBe(
        `<pre><code class="language-${language}"><span class="hljs-keyword">const</span> a = <span class="hljs-number">1</span>;</code></pre>`,
      );
    }
  });

  test("what the code says stays text, whatever it says", async () => {
    start();
    for (const [language, code] of [
      ["html", '<script>alert(1)</script><img src=x onerror="alert(1)">'],
      ["js", "`</code></pre><script>alert(1)</script>`"],
      ["xml", '<a href="javascript:alert(1)">x</a>'],
    ] as const) {
      const html = await highlighter.highlight(code, language);
      expect(html!.replace(/<\/?(pre|code|span)( class="[\w -]+")?>/g, "")).not.toMatch(/[<>]/);
    }
  });

  test("an unknown language, or what is no name of one, stays as it was written", async () => {
    start();
    for (const language of ["klingon", "", "a b", 'x"', "constructor", "x".repeat(41)])
      expect(await highlighter.highlight("let x", language)).toBeUndefined();
  });

  test("code that would grow too large stays as it was written", async () => {
    start();
    expect(await highlighter.highlight("1 ".repeat(8_000), "js")).toBeUndefined();
    expect(await highlighter.highlight("1 ".repeat(800), "js")).toContain("hljs-number");
  });

  test("many at once come back each with its own", async () => {
    start();
    const codes = Array.from({ length: 12 }, (_, i) => `let x${i}`);
    const coloured = await Promise.all(codes.map((code) => highlighter.highlight(code, "js")));
    expect(coloured.map((html) => /x\d+/.exec(html ?? "")?.[0])).toEqual(codes.map((code) => code.slice(4)));
  });
});

describe("code that takes too long", () => {
  test("is given up, with all that waits; nobody has to wait, and this thread is free meanwhile", async () => {
    start({ workMaxMs: 50, restMs: 0 });
    let turns = 0;
    const ticking = setInterval(() => turns++, 5);
    const asked = [highlighter.highlight(HOSTILE, "java"), highlighter.highlight("let x", "js")];
    expect(await Promise.all(asked)).toEqual([undefined, undefined]);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(3);
  });

  test("leaves a rest in which code is shown without colours", async () => {
    start({ workMaxMs: 50, restMs: 600_000 });
    await highlighter.highlight(HOSTILE, "java");
    expect(await highlighter.highlight("let x", "js")).toBeUndefined();
  });

  test("leaves a thread after that rest", async () => {
    start({ workMaxMs: 200, restMs: 1 });
    await highlighter.highlight(HOSTILE, "java");
    await expect
      .poll(() => highlighter.highlight("let x", "js"), { timeout: 30_000 })
      .toContain("hljs-keyword");
  }, 40_000);

  test("more than may wait is not kept", async () => {
    start();
    const asked = Array.from({ length: 40 }, () => highlighter.highlight("let x", "js"));
    const coloured = (await Promise.all(asked)).filter((html) => html !== undefined);
    expect(coloured.length).toBeGreaterThan(0);
    expect(coloured.length).toBeLessThan(20);
  });
});

test("after it was closed nothing is left waiting", async () => {
  start();
  const asked = highlighter.highlight("let x", "js");
  highlighter.close();
  expect(await asked).toBeUndefined();
});
