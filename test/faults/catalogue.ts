/** Every fault by its short name, by group. */
import type { Fault, Faults } from "./fault.ts";
import { NETWORK_FAULTS } from "./network-faults.ts";
import { OPERATION_FAULTS } from "./operation-faults.ts";
import { PROCESS_FAULTS } from "./process-faults.ts";
import { STORE_FAULTS } from "./store-faults.ts";

export const GROUPS: Readonly<Record<"process" | "stores" | "network" | "operations", Faults>> = {
  process: PROCESS_FAULTS,
  stores: STORE_FAULTS,
  network: NETWORK_FAULTS,
  operations: OPERATION_FAULTS,
};

const FAULTS: Faults = Object.assign({}, ...Object.values(GROUPS));

/** In the order of the groups. */
export const NAMES: readonly string[] = Object.keys(FAULTS);

/** Throws where there is none of this name: the command line has looked before. */
export function faultOf(name: string): Fault {
  const fault = FAULTS[name];
  if (fault === undefined) throw new Error(`no fault is called ${name}`);
  return fault;
}

/** Whether two faults may be under way at once: not both in one store, and not one in a node while all are being restarted. */
export function goTogether(a: string, b: string): boolean {
  const on = [faultOf(a).on, faultOf(b).on].toSorted().join(" ");
  return a !== b && TOGETHER.has(on);
}

/** What two faults may have in their hands, in the order of the alphabet. */
const TOGETHER: ReadonlySet<string> = new Set([
  "node node",
  "clients node",
  "clients clients",
  ...["node", "nodes", "clients", "postgres"].map((other) => [other, "redis"].toSorted().join(" ")),
  ...["node", "nodes", "clients"].map((other) => [other, "postgres"].toSorted().join(" ")),
]);

/** Every two that go together, once. */
export function pairs(): [string, string][] {
  return NAMES.flatMap((a, i) =>
    NAMES.slice(i + 1).flatMap((b): [string, string][] => (goTogether(a, b) ? [[a, b]] : [])),
  );
}
