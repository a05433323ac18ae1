/** nact keeps every actor system of a process for ever; thousands of simulated nodes would fill the memory. */
import { createRequire } from "node:module";

type SystemMap = { add(system: { name: string }): void; remove(name: string): void };

const systems = createRequire(import.meta.url)("nact/lib/system-map.js") as SystemMap;
const names = new Set<string>();
const add = systems.add;
systems.add = (system) => {
  names.add(system.name);
  add(system);
};

/** Drops all systems that were started since the last call: nothing runs in them any more. */
export function forgetActorSystems(): void {
  for (const name of names) systems.remove(name);
  names.clear();
}
