/** What the documents point at is there: links, headings, files, and the commands they tell to type. */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import { blocksOf, ROOT, readPage } from "./blocks.ts";

const PAGES = [
  "README.md",
  "CHANGELOG.md",
  "bench/k6/README.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];
/** Top folders of the checkout: what begins with one and a slash, in back-ticks, is a path. */
const FOLDERS = "actors|bench|deploy|docs|gateway|protocol|scripts|src|test";

const BENCHES = [...readPage("bench/bench.ts").matchAll(/\bbench\(\s*"(\w+)"/g)].map(([, name]) => name!);

const prose = (page: string) => readPage(page).replaceAll(/^```[\s\S]*?^```$/gm, "");

/** As GitHub makes them. */
function anchorsOf(page: string): string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

/** Links of `page` that lead nowhere. */
function strays(page: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to!);
  return links.filter((to) => {
    if (/^https?:/.test(to)) return !URL.canParse(to);
    const [path = "", anchor] = to.split("#");
    const target = path === "" ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(ROOT, target))) return true;
    return anchor !== undefined && !anchorsOf(target).includes(anchor);
  });
}

describe.each(PAGES)("%s", (page) => {
  test("its links lead somewhere", () => {
    expect(strays(page, prose(page))).toEqual([]);
  });

  test("the files that it names are there", () => {
    const named = prose(page).matchAll(new RegExp(`\`((?:${FOLDERS})/[\\w./-]*)\``, "g"));
    expect([...named].map(([, path]) => path!).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("the commands that it names are there", () => {
    const { scripts } = JSON.parse(readPage("package.json"));
    const text = readPage(page);
    const run = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name!);
    expect(run.filter((name) => !(name in scripts))).toEqual([]);
    const benches = [...text.matchAll(/\bnpm run bench -- (\w+)/g)].map(([, name]) => name!);
    expect(benches.filter((name) => !BENCHES.includes(name))).toEqual([]);
  });
});

test("what leads nowhere is found", () => {
  expect(
    strays("README.md", "[a](docs/nothing.md) [b](docs/status.md) [c](docs/status.md#no-such) [d](#load-it)"),
  ).toEqual(["docs/nothing.md", "docs/status.md#no-such"]);
});

test.each([
  ["js", "conversation.mjs"],
  ["py", "conversation.py"],
])("docs/protocol.md shows docs/examples/%s as the file is", (language, file) => {
  const shown = blocksOf(readPage("docs/protocol.md")).find((block) => block.language === language);
  expect(shown?.text).toBe(readPage(`docs/examples/${file}`));
});
