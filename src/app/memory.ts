import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Lets the old generation grow by two fifths between two full collections, where V8 would let it double and more as long
 * as the machine has memory: a refresh of a large cluster leaves much garbage and little else. At 20,000 tags and 5,000
 * nodes the process stays a third smaller, and a refresh takes a quarter more processor time (docs/performance.md).
 */
export function keepMemorySmall(): void {
  setFlagsFromString("--heap-growing-percent=40");
}

/**
 * Gives back what loading the modules has left behind: 20 MB of a young generation that has grown with code, and garbage.
 * Stops the process for 50 ms, so it is for before the first call.
 */
export function releaseStartupMemory(): void {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  if (typeof collect === "function") collect({ type: "major", execution: "sync", flavor: "last-resort" });
}
