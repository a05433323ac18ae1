/** Before the first file: a machine without a browser is told so in one line, not by every test. */
import { CHROMIUM_NAMES, findChromium } from "./chromium.ts";

/** Ends the run when there is nothing to run it in. */
export default function setup(): void {
  if (findChromium() !== undefined) return;
  console.error(
    `No Chromium on the PATH (${CHROMIUM_NAMES.join(", ")}): install one, on Debian with "apt-get install chromium".`,
  );
  process.exit(1); // thrown, the line would drown in a stack trace
}
