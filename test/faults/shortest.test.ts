import { describe, expect, it } from "vitest";
import { check } from "../checker/checker.ts";
import { ImaginedRun, type Step } from "../checker/imagined.ts";
import { MUTATIONS } from "../checker/mutations.ts";
import { shortest } from "./shortest.ts";

const STEPS = Array.from({ length: 60 }, (_, i): Step => {
  const which = { client: i % 3, channel: i % 2 };
  return i % 3 === 2 ? { do: "deliver", ...which } : { do: "send", persisted: false, ...which };
});

describe("the shortest history around a violation", () => {
  it.each(["a row is missing in Postgres", "a frame comes twice", "an acked message was overtaken"])(
    "of which %s gives the same violation, and no record of it can be missed",
    async (name) => {
      const history = MUTATIONS[name]!(new ImaginedRun().play(STEPS).end(), 1)!;
      const violation = (await check(history)).violations[0]!;
      const part = shortest(history, violation);
      const says = async (records: typeof part) => (await check(records)).violations.map((each) => each.says);
      expect(part.length).toBeLessThan(10);
      expect(await says(part)).toContain(violation.says);
      for (let i = 0; i < part.length; i++)
        expect(await says(part.toSpliced(i, 1))).not.toContain(violation.says);
    },
  );
});
