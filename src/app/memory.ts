import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../ports.ts";

/**
 * Lets the old generation grow by two fifths between two full collections, where V8 would let it double and more as long
 * as the machine has memory: a refresh of a large cluster leaves much garbage and little else. At 20,000 tags and 5,000
 * nodes the process stays a third smaller, and a refresh takes a quarter more processor time (docs/performance.md).
 */
export function keepMemorySmall(): void {
  setFlagsFromString("--heap-growing-percent=40");
}

/**
 * Collects all garbage and gives memory back. Stops the process for 50 ms after the start, and for up to 200 ms with 20,000
 * tags and 5,000 nodes.
 */
export function releaseMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof collect === "function") collect({ type: "major", execution: "sync", flavor: "last-resort" });
}

/** What a memory keeper reads, and what it does; tests replace all of it. */
export interface MemoryKeeperDeps {
  readonly clock: Pick<Clock, "monotonicTime" | "schedule">;
  /** A number that grows with what the service has to hold, such as that of its tags. */
  readonly size: () => number;
  readonly residentBytes?: () => number;
  /** Processor time of the process so far, in ms. */
  readonly processorMs?: () => number;
  readonly release?: () => void;
}

const CHECK_INTERVAL_MS = 5_000;
/** Share of one processor below which a stop delays hardly anybody. */
const CALM_SHARE = 0.25;
/** Time in ms between two releases. */
const MIN_WAIT_MS = 10_000;
/** Growth since the last release that is worth another one as soon as that. */
const LARGE_GROWTH = 1.25;
/** The same, after a longer wait that doubles with each release that has given back less than a tenth. */
const SMALL_GROWTH = 1.05;
const MAX_WAIT_MS = 600_000;
/** Time in ms of a release after which small growth is not worth another one. */
const LONG_MS = 100;

/**
 * Gives back what a burst has left behind, once the process is calm. V8 collects when memory is asked for, and after a burst
 * none is: 50 MB of garbage stayed on a heap of 33 MB for the minute in which it was watched (docs/limits.md). Returns a
 * function that ends it.
 */
export function startMemoryKeeper({
  clock,
  size,
  residentBytes = () => process.memoryUsage.rss(),
  processorMs = usedProcessorMs,
  release = releaseMemory,
}: MemoryKeeperDeps): () => void {
  let least = residentBytes();
  let mostSize = size();
  let stopMs = 0;
  let waitMs = MIN_WAIT_MS;
  let releasedAt = Number.NEGATIVE_INFINITY;
  let last = { at: clock.monotonicTime(), used: processorMs() };
  let cancel = clock.schedule(CHECK_INTERVAL_MS, check);

  function check(): void {
    cancel = clock.schedule(CHECK_INTERVAL_MS, check);
    const now = { at: clock.monotonicTime(), used: processorMs() };
    const isCalm = now.used - last.used < CALM_SHARE * (now.at - last.at);
    last = now;
    const resident = residentBytes();
    least = Math.min(least, resident);
    mostSize = Math.max(mostSize, size());
    const sinceMs = now.at - releasedAt;
    const isLarge = resident > least * LARGE_GROWTH || 2 * size() < mostSize;
    const isSmall = resident > least * SMALL_GROWTH && sinceMs >= waitMs && stopMs <= LONG_MS;
    if (isCalm && sinceMs >= MIN_WAIT_MS && (isLarge || isSmall)) releaseFrom(resident);
  }

  function releaseFrom(before: number): void {
    const startedAt = clock.monotonicTime();
    release();
    releasedAt = clock.monotonicTime();
    stopMs = releasedAt - startedAt;
    least = residentBytes();
    mostSize = size();
    waitMs = before - least < before / 10 ? Math.min(2 * waitMs, MAX_WAIT_MS) : MIN_WAIT_MS;
  }

  return () => cancel();
}

function usedProcessorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
