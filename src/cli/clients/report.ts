/** An answer as it is written: for programs and for people. */
export interface Report {
  readonly json: object;
  /** Lines, without the last line feed. */
  readonly text: string;
}

/** The rows under their headings, in columns; `nothing` where there is no row. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], nothing: string): string {
  if (rows.length === 0) return nothing;
  const cells = [headings, ...rows].map((row) => row.map(printable));
  const widths = headings.map((_, column) =>
    cells.reduce((most, row) => Math.max(most, (row[column] ?? "").length), 0),
  );
  return cells.map((row) => writeRow(row, widths)).join("\n");
}

function writeRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join("  ")
    .trimEnd();
}

/** Text from elsewhere without what steers a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}

/** Whether something holds, in a table. */
export function yesOrNo(holds: boolean): string {
  if (holds) return "yes";
  return "no";
}

/**
 * The answer as JSON on one line a call: times as RFC 3339 and durations in seconds with `s`, as the proto3 mapping has
 * them; numbers stay numbers.
 */
export function writeJson(answer: object): string {
  return JSON.stringify(answer, (key, value: unknown) => {
    if (key.startsWith("_")) return undefined;
    if (!isTime(value)) return value;
    const seconds = value.seconds + value.nanos / 1e9;
    return key.endsWith("Time") ? new Date(seconds * 1_000).toISOString() : `${seconds}s`;
  });
}

function isTime(value: unknown): value is { readonly seconds: number; readonly nanos: number } {
  return typeof value === "object" && value !== null && "seconds" in value && "nanos" in value;
}
