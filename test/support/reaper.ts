/** Ends a test's server even when the test's process is killed: a shell that waits on a pipe which only we hold open. */
import { spawn } from "node:child_process";

const SCRIPT = 'trap "" INT TERM HUP; read -r _; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2"';

/** Call the answer once the server has been ended in order. Until then our own death, however sudden, kills `pid` and removes `dir`. */
export function reapAfterUs(pid: number, dir?: string): () => void {
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "reaper", String(pid), dir ?? ""], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  shell.unref();
  (shell.stdin as unknown as { unref(): void }).unref();
  return () => shell.kill("SIGKILL");
}
