import { describe, expect, test } from "vitest";
import { Emoji } from "./text.ts";

describe("row C8: an emoji is one emoji, or :name:", () => {
  test.each(["👍", "❤️", "👩‍💻", "👍🏽", "🇩🇪", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "#️⃣", "👨‍👩‍👧‍👦", ":tada:", ":+1:", ":blob-cat_2:"])(
    "%s is",
    (value) => {
      expect(Emoji.safeParse(value).success).toBe(true);
    },
  );
  test.each([
    "",
    "1",
    "#",
    "*",
    "a",
    "👍👍",
    "👍 ",
    "ok 👍",
    "👍x",
    "🇩",
    "\u200d",
    "❤",
    ":",
    "::",
    ":a b:",
    ":😀:",
    ":a",
    `:${"a".repeat(49)}:`,
    "👍".repeat(25),
    "\ud83d",
    "👍\0",
    "<b>",
  ])("%j is not", (value) => {
    expect(Emoji.safeParse(value).success).toBe(false);
  });
});
