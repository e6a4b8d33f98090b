/**
 * Loaded into the service before its program: for each SIGUSR2 it writes a line to the log with the longest time, in ms,
 * for which the event loop has stood still, without what the process waited for a processor.
 */
import { watchLoop } from "../bench/processes/loop-watch.ts";

let stop = watchLoop();
process.on("SIGUSR2", () => {
  const { longest: longestMs } = stop();
  stop = watchLoop();
  process.stdout.write(
    `${JSON.stringify({ level: "info", msg: "longest stop", longestMs, ...process.memoryUsage() })}\n`,
  );
});
