/** One line of the table that the bench prints. */
export interface Row {
  /** As in docs/performance.md, "To reach". */
  readonly number: number;
  readonly what: string;
  readonly ours: string;
  /** What it was compared with, and its figure. */
  readonly against: string;
  readonly ratio: string;
  readonly goal: string;
  /** Null where there is nothing to judge. */
  readonly met: boolean | null;
}

/** Measures one or several lines of the table. */
export type Measurement = (options: BenchOptions) => Promise<readonly Row[]>;

/** What the command line says besides the rows. */
export interface BenchOptions {
  /** Streams of row 8. */
  readonly streams: number;
}

const HEADINGS = ["#", "what", "ours", "compared with", "ratio", "goal", "reached"];

/** The rows as a table in Markdown, in columns. */
export function formatTable(rows: readonly Row[]): string {
  return formatColumns([HEADINGS, ...rows.map(cellsOf)]);
}

function cellsOf({ number, what, ours, against, ratio, goal, met }: Row): readonly string[] {
  return [String(number), what, ours, against, ratio, goal, met === null ? "" : met ? "yes" : "NO"];
}

/** Lines of cells as a table in Markdown; the first line is its head. */
export function formatColumns(lines: readonly (readonly string[])[]): string {
  const [head = [], ...body] = lines;
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const format = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return `${[format(head), rule, ...body.map(format)].join("\n")}\n`;
}

/** A number with so many digits as it needs to be read, and thousands apart. */
export function figure(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Milliseconds, with their unit. */
export function ms(value: number): string {
  return `${figure(value)} ms`;
}
