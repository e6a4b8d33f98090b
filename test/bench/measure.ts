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

/** Milliseconds that the work takes. */
export function timed(work: () => unknown): number {
  const started = performance.now();
  work();
  return performance.now() - started;
}

/** Figures of two sides that were measured in turn, so that what else the machine does meets both. */
export interface Turns {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
}

/** Measures both sides in turn, so many times each, after one turn each that does not count. */
export async function inTurn(
  rounds: number,
  ours: () => number | Promise<number>,
  theirs: () => number | Promise<number>,
): Promise<Turns> {
  const figures = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    const our = await ours();
    const their = await theirs();
    if (round === 0) continue;
    figures.ours.push(our);
    figures.theirs.push(their);
  }
  return figures;
}

/** The median of the ratios of the rounds, ours to theirs: what slows one round down slows both of its sides. */
export function ratioOf({ ours, theirs }: Turns): number {
  return median(ours.map((figure, round) => figure / (theirs[round] ?? Number.NaN)));
}
