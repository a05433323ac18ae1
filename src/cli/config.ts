/** `hubbub config`. */
import { describeConfig, unknownSettings } from "../config.ts";

/** Prints every setting as it would be for a node started from this shell. */
export function showConfig({ json = false }: { json?: boolean }): void {
  const settings = describeConfig();
  if (json) {
    console.log(JSON.stringify(settings, undefined, 2));
    return;
  }
  for (const { env, value, unit, fallback, bound, from, reason, source } of settings) {
    console.log(`${env} = ${value ?? "(not set)"}  [${unit}; from ${from}]`);
    console.log(`    ${reason}.`);
    console.log(`    default ${fallback ?? "none"}; bound ${bound}; source: ${source}\n`);
  }
  for (const name of unknownSettings()) console.log(`${name} is set, but is no setting of Hubbub.`);
}
