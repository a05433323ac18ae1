import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder for one server, which any user may enter: Postgres does not run as root. */
export function temporaryDir(what: string): string {
  const dir = mkdtempSync(join(tmpdir(), `hubbub-${what}-`));
  chmodSync(dir, 0o755);
  return dir;
}

export function removeDir(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
}
