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
  const addressOf = (at: number) => serving[at % serving.length]!.url.replace("127.0.0.1", "localhost");
  const logIn = ({ username, password }: DemoPerson, at: number) =>
    `  log in as ${username.padEnd(4)} with password ${password}   ${addressOf(at)}/#${username}:${password}`;
  const scale = serving.length > 1 ? "" : "npm start -- --nodes 3, then ";
  say("Hubbub is ready");
  const lines = [
    "",
    `  ${addressOf(0)}`,
    ...people.map(logIn),
    ...(people.length > 1 ? ["  Open each link in a browser of its own, and talk."] : []),
    "",
    `  see it scale:  ${scale}npx --no hubbub status --watch`,
    "  load it:       npm run bench -- smoke",
    ...(isLimited ? [] : ["  Rate limits are off (HUBBUB_RATE_LIMITS)."]),
    "  Ctrl-C drains and stops everything.",
    "",
  ];
  console.log(lines.join("\n"));
}
