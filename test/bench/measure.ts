import { processorWait } from "./processor-wait.ts";

/** The middle of several figures. */
export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return sorted.length % 2 === 1 ? middle : (middle + (sorted[sorted.length / 2] ?? Number.NaN)) / 2;
}

/** The figure that the share `part` (0 to 1) of all figures does not exceed. */
export function quantile(figures: readonly number[], part: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

const waited = processorWait();

/** Milliseconds that the work takes, without those for which it waited for a processor. */
export function timed(work: () => unknown): number {
  const waitedBefore = waited();
  const started = performance.now();
  work();
  const ended = performance.now();
  return ended - started - (waited() - waitedBefore);
}

/** Figures of two sides that were measured in turn, so that what else the machine does meets both. */
export interface Turns<Figure> {
  readonly ours: readonly Figure[];
  readonly theirs: readonly Figure[];
}

/** Measures both sides in turn, so many times each, after one turn each that does not count. */
export async function inTurn<Figure>(
  rounds: number,
  ours: () => Promise<Figure>,
  theirs: () => Promise<Figure>,
): Promise<Turns<Figure>> {
  const figures: { ours: Figure[]; theirs: Figure[] } = { ours: [], theirs: [] };
  for (let round = 0; round <= rounds; round++) {
    const our = await ours();
    const their = await theirs();
    if (round === 0) continue;
    figures.ours.push(our);
    figures.theirs.push(their);
  }
  return figures;
}
