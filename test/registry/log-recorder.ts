import type { LogFields, Logger } from "../../src/ports.ts";

/** A logger that keeps every line as text, so that a test can search them for what must not be there. */
export interface LogRecorder extends Logger {
  readonly lines: readonly string[];
}

export function recordLog(lines: string[] = [], bound: LogFields = {}): LogRecorder {
  const write = (level: string) => (fields: LogFields, message: string) => {
    lines.push(JSON.stringify({ level, ...bound, ...fields, message }));
  };
  return {
    lines,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => recordLog(lines, { ...bound, ...fields }),
  };
}
