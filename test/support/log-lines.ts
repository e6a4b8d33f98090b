import type { LogFields, Logger } from "../../src/ports.ts";

/** One line of a log, as it was asked for. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that keeps its lines for the test. */
export function logLines(lines: LogLine[] = []): Logger & { readonly lines: LogLine[] } {
  const at = (level: LogLine["level"]) => (fields: LogFields, message: string) => {
    lines.push({ level, fields, message });
  };
  return {
    lines,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => logLines(lines),
  };
}
