import type { LogSink } from "../../src/telemetry/log-sink.ts";

/** A sink that keeps its lines for the test. */
export function memorySink(): LogSink & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  return {
    lines,
    write: (line) => lines.push(line),
    dropped: () => 3,
    flush: () => Promise.resolve(),
  };
}
