import type { DemoPerson } from "./demo.ts";
import type { NodeReady } from "./node-process.ts";
import type { Say } from "./progress.ts";

/** What a person needs once everything runs: where it is, how to log in, how to see it scale and to load it. */
export function tellTheEnd(told: {
  serving: readonly NodeReady[];
  people: readonly DemoPerson[];
  isLimited: boolean;
  say: Say;
}): void {
  const { serving, people, isLimited, say } = told;
  const address = serving[0]!.url.replace("127.0.0.1", "localhost");
  say("Hubbub is ready");
  const lines = [
    "",
    `  ${address}`,
    ...people.map(({ username, password }) => `  log in as ${username.padEnd(4)} with password ${password}`),
    "",
    `  see it scale:  npm start -- --nodes ${Math.max(3, serving.length)}, then npx --no hubbub status --watch`,
    "  load it:       npm run bench -- smoke",
    ...(isLimited ? [] : ["  Rate limits are off (HUBBUB_RATE_LIMITS)."]),
    "  Ctrl-C drains and stops everything.",
    "",
  ];
  console.log(lines.join("\n"));
}
