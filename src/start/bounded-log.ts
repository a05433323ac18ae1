/** A log file that does not grow for ever: this one and the one before. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const BYTES_MAX = 16 * 1_048_576;

export type BoundedLog = { write(line: string): void; close(): void };

/**
 * Appends lines to `path`; at `bytesMax` the file becomes `<path>.1`, over an older one, and a new one begins. Writes are
 * synchronous: the last words of a node must be there when its parent ends.
 */
export function openBoundedLog(path: string, bytesMax: number = BYTES_MAX): BoundedLog {
  mkdirSync(dirname(path), { recursive: true });
  let file = openSync(path, "a", 0o600);
  let bytes = fstatSync(file).size;
  let isOpen = true;
  return {
    write(line) {
      if (!isOpen) return;
      if (bytes >= bytesMax) {
        closeSync(file);
        renameSync(path, `${path}.1`);
        file = openSync(path, "a", 0o600);
        bytes = 0;
      }
      bytes += writeSync(file, `${line}\n`);
    },
    close() {
      if (isOpen) closeSync(file);
      isOpen = false;
    },
  };
}
