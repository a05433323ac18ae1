import fc from "fast-check";
import { expect, it } from "vitest";
import { ChannelId } from "../../protocol/ids.ts";
import { dmId } from "./dm-id.ts";

const ada = "0190a000-0000-7000-8000-000000000001";
const bob = "0190a000-0000-7000-8000-000000000002";

it("names the dm of two people, the same from both sides, for ever (rule E2)", () => {
  expect(dmId(ada, bob)).toBe("7fd35487-98b7-843e-b70b-0190ffb30f09");
  expect(dmId(bob, ada)).toBe(dmId(ada, bob));
});

it("is a UUIDv8 for any two people", () => {
  fc.assert(
    fc.property(fc.uuid({ version: 7 }), fc.uuid({ version: 7 }), (a, b) => {
      const id = dmId(a, b);
      expect(ChannelId.safeParse(id).success && id[14] === "8").toBe(true);
    }),
  );
});
