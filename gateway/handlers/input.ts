/** What arrives, before it is anything: an event's name, its arguments, and whether anyone waits for an answer. */
import type * as z from "zod";
import { type Refused, refused } from "../../protocol/refusals.ts";

/** Levels of arrays and objects in an argument: the protocol needs 4. */
const DEPTH_MAX = 16;
/** Issues in a refusal: enough to mend a request, too few to be a burden. */
const ISSUES_MAX = 5;
const REASON_MAX = 120;

export type Input = {
  name: unknown;
  args: unknown[];
  /** Sends the answer; undefined when the client did not ask for one. */
  ack: ((answer: object) => void) | undefined;
};

/** `packet` as socket.io hands it to a middleware: name, arguments, and a function where an ack is wanted. */
export function readInput(packet: readonly unknown[]): Input {
  const last = packet.at(-1);
  const ack = typeof last === "function" ? (last as (answer: object) => void) : undefined;
  return { name: packet[0], args: packet.slice(1, ack ? -1 : undefined), ack };
}

/** JSON of a sane depth, nothing binary. What is not has no business here: the connection is ended. */
export function isPlain(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth >= DEPTH_MAX || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return false;
  return Object.values(value).every((inner) => isPlain(inner, depth + 1));
}

/** `malformed`, with where and why; nothing of what was sent is repeated, names of fields included. */
export function malformed(issues: readonly z.core.$ZodIssue[]): Refused {
  const said = issues.slice(0, ISSUES_MAX).map(({ path, code, message }) => ({
    path: path.map(pathSegment).join("."),
    reason: code === "unrecognized_keys" ? "unknown field" : message.slice(0, REASON_MAX),
  }));
  return refused("malformed", { details: { issues: said } });
}

/** Keys of records come from the client; names of the protocol are short words. */
function pathSegment(segment: PropertyKey): string {
  if (typeof segment === "number") return String(segment);
  return typeof segment === "string" && /^[a-zA-Z]{1,20}$/.test(segment) ? segment : "*";
}
