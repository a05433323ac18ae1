/** Processes that are not our children, or no longer: known by their pid only. */
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "../lib/trouble.ts";

const POLL_MS = 20;

/** Does such a process run? One that belongs to another user counts; one that has ended and waits for its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return statOf(pid)?.[0] !== "Z";
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
    if (codeOf(error) === "EPERM") return true;
    throw error;
  }
}

/** Sends a signal; false when there is no such process. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
    throw error;
  }
}

/** True when `holds` became true within the time, false when it did not. */
export async function waitUntil(holds: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** Asks with SIGTERM, insists with SIGKILL when it is still there after `withinMs`. */
export async function endProcess(pid: number, withinMs: number): Promise<void> {
  if (!signal(pid, "SIGTERM")) return;
  if (await waitUntil(() => !isAlive(pid), withinMs)) return;
  signal(pid, "SIGKILL");
  await waitUntil(() => !isAlive(pid), withinMs);
}

/** A process for ever: a pid alone may belong to another by tomorrow. `startedAt` is the kernel's tick, empty where it does not tell. */
export type ProcessIdentity = { pid: number; startedAt: string };

/** Names a running process. */
export function identify(pid: number): ProcessIdentity {
  return { pid, startedAt: startTick(pid) };
}

/** Does this very process still run? */
export function isRunning(known: ProcessIdentity): boolean {
  return isAlive(known.pid) && startTick(known.pid) === known.startedAt;
}

/** Field 22 of /proc/<pid>/stat. */
function startTick(pid: number): string {
  return statOf(pid)?.[19] ?? "";
}

/** /proc/<pid>/stat from its third field on: the second one, a name in brackets, may hold spaces. Undefined: gone, or no /proc here. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return undefined;
    throw error;
  }
}
