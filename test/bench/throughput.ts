import { inTurn, median } from "./measure.ts";
import type { MemoryInUse } from "./processes/memory-in-use.ts";
import type { Handlers, Remote } from "./processes/remote.ts";
import { figure, type Row } from "./table.ts";

/** Answers of one server under load. */
interface Throughput {
  /** By the clock. */
  readonly perSecond: number;
  /** For each second of processor time that the server took: the same on a machine that does nothing else. */
  readonly perCpuSecond: number;
}

/** A server under load: the process, and the load on it, which answers the number of answers a second. */
export interface Side {
  readonly process: Remote<
    Handlers & { readonly cpuTime: (_: null) => number; readonly memory: (_: null) => MemoryInUse }
  >;
  readonly load: () => Promise<number>;
}

/** What is compared. */
export interface Comparison {
  readonly number: number;
  readonly what: string;
  /** The other side, in words. */
  readonly against: string;
  readonly goal: number;
}

const ROUNDS = 5;

/** Loads both servers in turn; the ratio is the median of the rounds' ratios. */
export async function compareThroughput(
  { what, number, against, goal }: Comparison,
  ours: Side,
  theirs: Side,
): Promise<Row> {
  const turns = await inTurn(
    ROUNDS,
    () => throughputOf(ours),
    () => throughputOf(theirs),
  );
  const ratio = median(
    turns.ours.map(({ perCpuSecond }, round) => perCpuSecond / (turns.theirs[round]?.perCpuSecond ?? Number.NaN)),
  );
  return {
    number,
    what,
    ours: describe(turns.ours),
    against: `${against}: ${describe(turns.theirs)}`,
    ratio: figure(ratio),
    goal: `at least ${goal}`,
    met: ratio >= goal,
  };
}

/**
 * A full collection falls into the warm-up of each measurement. What HTTP/2 keeps of a connection's streams grows old
 * with it, and from then on keeps finished streams through the quick collections, for a third of the calls a second: a
 * server that lives is in that state, and one side alone would lose by the chance of getting there.
 */
async function throughputOf({ process, load }: Side): Promise<Throughput> {
  const loading = load();
  await process.call("memory", null);
  const started = performance.now();
  const before = await process.call("cpuTime", null);
  const perSecond = await loading;
  const cpu = (await process.call("cpuTime", null)) - before;
  return { perSecond, perCpuSecond: (perSecond * (performance.now() - started)) / cpu };
}

function describe(figures: readonly Throughput[]): string {
  const cpu = median(figures.map(({ perCpuSecond }) => perCpuSecond));
  const clock = median(figures.map(({ perSecond }) => perSecond));
  return `${figure(cpu)} a second of processor time (${figure(clock)}/s by the clock)`;
}
