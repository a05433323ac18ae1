/** The rules that keep the promises, each with a test that names it ("rule L4: …", "rules G2, P0: …", "rules L1 to L4"). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

/** What is built, and the word for what each is about. */
const KEPT: Record<string, string> = {
  I1: "positions",
  I2: "readers",
  L1: "appends",
  L2: "claim",
  L3: "verify",
  L4: "doubt",
  L5: "retention",
  L6: "fullness",
  L7: "marks",
  G1: "order",
  G2: "lease",
  G3: "salvage",
  P0: "lapses",
  P1: "fence",
  P2: "table",
  P3: "handover",
  P4: "hearing",
  P5: "crashes",
  A1: "activation",
  A2: "facts",
  A3: "absence",
  J1: "folding",
  J2: "poison",
  S1: "idempotence",
  S2: "acks",
  S3: "durability",
  B1: "repeats",
  B2: "inboxes",
  H1: "rooms",
  H2: "leaving",
  H3: "subscriptions",
  H4: "reading",
  H5: "crowds",
  H6: "rendering",
  E1: "spaces",
  E4: "presence, and gateways that are gone",
  E2: "dms",
  E3: "revocation",
  E5: "time",
  E6: "unread",
  E7: "levels",
};

/** What is not built as a whole yet, and what it waits for. A part of it may have its test already. */
const LATER: Record<string, string> = {
  J3: "the outbox has its table; it is filled with the first job that reads it",
};

const ROOTS = ["protocol", "actors", "gateway", "src", "bench", "scripts", "test"];
const ID = "[A-Z]\\d";
const NAMED = new RegExp(`\\brules? (${ID}(?:(?:, | and | to )${ID})*)`, "g");
/** The first argument of `it`, `describe`, `test`, and of what their `each` answers. */
const TITLE = /\(\s*(["'`])((?:(?!\1)[^\\]|\\.)*)\1\s*,/g;

/** `L1 to L4, G2` is L1, L2, L3, L4 and G2. */
function idsOf(list: string): string[] {
  return list.split(/, | and /).flatMap((part) => {
    const [from, to = from] = part.split(" to ") as [string, string?];
    const [first, last] = [Number(from.slice(1)), Number(to.slice(1))];
    return Array.from({ length: last - first + 1 }, (_, i) => `${from[0]}${first + i}`);
  });
}

/** Files whose tests name a rule, by rule. */
function witnesses(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const files = ROOTS.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".test.ts"))
      .map((file) => join(root, file)),
  );
  for (const file of files) {
    for (const [, , title] of readFileSync(file, "utf8").matchAll(TITLE)) {
      for (const id of [...title!.matchAll(NAMED)].flatMap(([, list]) => idsOf(list!))) {
        found.set(id, (found.get(id) ?? new Set()).add(file));
      }
    }
  }
  return found;
}

it("every rule that is built has a test that names it", () => {
  const found = witnesses();
  expect(Object.keys(KEPT).filter((id) => !found.has(id))).toEqual([]);
});

it("tests name no rule that there is not, and no rule is both built and left to later", () => {
  const known = new Set([...Object.keys(KEPT), ...Object.keys(LATER)]);
  expect([...witnesses().keys()].filter((id) => !known.has(id))).toEqual([]);
  expect(known.size).toBe(Object.keys(KEPT).length + Object.keys(LATER).length);
});
