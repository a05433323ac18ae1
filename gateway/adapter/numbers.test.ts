import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Numbers } from "./numbers.ts";

describe("numbers of several senders", () => {
  it("follow on each other, each sender's by itself", () => {
    const numbers = new Numbers();
    expect(numbers.hear("a", 1, true, 0)).toBe("next");
    expect(numbers.hear("b", 1, true, 0)).toBe("next");
    expect(numbers.hear("a", 2, true, 0)).toBe("next");
    expect(numbers.hear("a", 2, true, 0)).toBe("known");
    expect(numbers.hear("a", 2, false, 0)).toBe("known");
  });

  it("show what is missing by the next one, or by a sender's word of its last", () => {
    const numbers = new Numbers();
    numbers.hear("a", 1, true, 0);
    expect(numbers.hear("a", 3, true, 0)).toBe("gap");
    expect(numbers.hear("a", 4, false, 0)).toBe("gap");
    expect(numbers.hear("a", 5, true, 0)).toBe("next");
  });

  it("of a sender that was never heard begin at 1", () => {
    expect(new Numbers().hear("a", 2, true, 0)).toBe("gap");
    expect(new Numbers().hear("a", 1, false, 0)).toBe("gap");
    expect(new Numbers().hear("a", 0, false, 0)).toBe("known");
  });

  it("go on from wherever they are once it is known that something was missed", () => {
    const numbers = new Numbers();
    numbers.hear("a", 1, true, 0);
    numbers.skip();
    expect(numbers.hear("a", 7, true, 0)).toBe("next");
    expect(numbers.hear("a", 9, true, 0)).toBe("gap");
    numbers.skip();
    expect(numbers.hear("a", 20, false, 0)).toBe("known");
    expect(numbers.hear("a", 21, true, 0)).toBe("next");
  });

  it("of senders that have gone are forgotten", () => {
    const numbers = new Numbers();
    numbers.hear("a", 1, true, 0);
    numbers.hear("b", 1, true, 59_000);
    numbers.hear("b", 2, true, 61_000);
    expect(numbers.hear("a", 2, true, 61_000)).toBe("gap");
    expect(numbers.hear("b", 3, true, 61_000)).toBe("next");
  });

  it("law: whatever is lost, the first frame or word behind it says so, and nothing else does", () => {
    const frames = fc.array(fc.record({ isNews: fc.boolean(), isLost: fc.boolean() }), { maxLength: 40 });
    fc.assert(
      fc.property(frames, (sent) => {
        const numbers = new Numbers();
        let n = 0;
        let owes = false;
        for (const { isNews, isLost } of sent) {
          if (isNews) n += 1;
          if (isLost) {
            owes ||= isNews;
            continue;
          }
          const heard = numbers.hear("a", n, isNews, 0);
          expect(heard === "gap").toBe(owes);
          owes = false;
        }
      }),
    );
  });
});
