/** Foreseeable trouble: its message is one line that says what to do. Shown without a stack; the process ends with 1. */
export class Trouble extends Error {
  override name = "Trouble";
}

/** The `code` of a system error (`ENOENT`, `EADDRINUSE` …), undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
