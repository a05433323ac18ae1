/** What can be known to go wrong before anything is started. */
import { spawnSync } from "node:child_process";
import { Trouble } from "../lib/trouble.ts";
import { isPortFree } from "./free-port.ts";
import { waitUntil } from "./processes.ts";

/** Sockets, log files and pools of one small node; Redis keeps 32 for itself. */
const FILES_MIN = 1_024;
/** Nodes of a parent that was killed see it at once, and drain. */
const INHERITED_PORTS_WITHIN_MS = 15_000;

/** Refuses a machine on which a process may open too few files. */
export function checkFileDescriptors(): void {
  const { stdout } = spawnSync("/bin/sh", ["-c", "ulimit -n"], { encoding: "utf8" });
  const allowed = Number(stdout?.trim());
  if (allowed < FILES_MIN) {
    throw new Trouble(
      `A process may open only ${allowed} files here, Hubbub needs ${FILES_MIN} or more: run "ulimit -n 65536" first (as root, or raise the hard limit).`,
    );
  }
}

/** Refuses ports that others listen on; where they may be our own from before a kill, after waiting for these to end. */
export async function checkPorts(
  ports: readonly number[],
  host: string | undefined,
  inherited: boolean,
): Promise<void> {
  for (const port of ports) {
    if (await waitUntil(() => isPortFree(port, host), inherited ? INHERITED_PORTS_WITHIN_MS : 0)) continue;
    throw new Trouble(
      `Port ${port} is taken: end what listens there, or choose others: npm start -- --port 4000 --metrics-port 9564`,
    );
  }
}
