/** One JSON line per event an operator cares about. Never message content, never tokens. */
import { type Logger, pino } from "pino";

export type { Logger };

/** `node` is the incarnation, on every line. Level names are pino's: trace, debug, info, warn, error, fatal, silent. */
export function createLogger(options: { level: string; node: string }): Logger {
  return pino({
    level: options.level,
    base: { node: options.node },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: [
        "token",
        "*.token",
        "authorization",
        "*.authorization",
        "password",
        "*.password",
        "content",
        "*.content",
      ],
      remove: true,
    },
    formatters: { level: (label) => ({ level: label }) },
  });
}
