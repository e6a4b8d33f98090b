/** Logs far more than a stalled reader takes, tells the count of lost lines on standard error, and ends by itself. */
import { setImmediate as turn } from "node:timers/promises";
import { createLogger } from "../../src/telemetry/logger.ts";

const LINES = 20_000;

const logger = createLogger({ level: "info", profile: "production" });
for (let line = 0; line < LINES; line += 1) {
  logger.info({ line, padding: "x".repeat(200) }, "a line");
  if (line % 100 === 0) await turn();
}
await logger.flush();
process.stderr.write(`${logger.dropped()}\n`);
logger.info({}, "the last line");
