import pg from "pg";
import { expect, test } from "vitest";
import { StoreAway } from "../../actors/ports.ts";
import { isAway, isDataFault, translated } from "./trouble.ts";

function refusal(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError("no", 2, "error"), { code });
}

test.each([
  ["57P01", "an operator's shutdown"],
  ["57P03", "starting up"],
  ["57014", "a statement that took too long"],
  ["08006", "a lost connection"],
  ["53300", "too many connections"],
  ["25006", "a primary without writes"],
  ["40P01", "a deadlock"],
])("SQLSTATE %s (%s) is away", (code) => {
  const error = refusal(code);
  expect(translated(error)).toBeInstanceOf(StoreAway);
  expect((translated(error) as StoreAway).cause).toBe(error);
  expect(isDataFault(error)).toBe(false);
});

test.each(["22021", "22P02", "23505", "23503"])("SQLSTATE %s is a fault of the data", (code) => {
  expect([isDataFault(refusal(code)), isAway(refusal(code))]).toEqual([true, false]);
});

test.each(["42703", "42P01", "08P01", "XX000"])(
  "SQLSTATE %s is a mistake of ours, and stays what it is",
  (code) => {
    const error = refusal(code);
    expect([isDataFault(error), isAway(error)]).toEqual([false, false]);
    expect(translated(error)).toBe(error);
  },
);

test("what Node says of a connection is away, what our own code throws is not", () => {
  expect(
    isAway(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" })),
  ).toBe(true);
  expect(isAway(new Error("Connection terminated unexpectedly"))).toBe(true);
  expect(isAway(new Error("Query read timeout"))).toBe(true);
  expect(isAway(new TypeError("undefined is not a function"))).toBe(false);
  expect(isAway("a string")).toBe(false);
});
