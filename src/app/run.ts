import type { Config } from "../config/config.ts";
import type { Clock } from "../ports.ts";
import { createLogger, type ProcessLogger } from "../telemetry/logger.ts";
import { createSystemClock } from "../telemetry/system-clock.ts";
import { type App, startApp } from "./app.ts";
import { keepMemorySmall, releaseStartupMemory } from "./memory.ts";

/** Milliseconds that calls under way have to finish after SIGTERM. */
const GRACE = 10_000;

/** What a server's process has besides its configuration. */
export interface ServerHooks {
  /** Told once, when both ports are open. */
  readonly onStarted?: (app: App) => void;
  /** What else has to be stopped, after the service. */
  readonly onStopped?: () => Promise<void>;
  readonly logger?: ProcessLogger;
  readonly clock?: Clock;
}

/**
 * Runs the service until it is told to stop. Answers the exit status: 0 after SIGTERM or SIGINT, 1 where it could not
 * start or broke. A second signal ends the process at once.
 */
export async function runServer(config: Config, hooks: ServerHooks = {}): Promise<number> {
  keepMemorySmall();
  const logger = hooks.logger ?? createLogger(config.log);
  const clock = hooks.clock ?? createSystemClock();
  const end = whenToEnd(logger);
  try {
    const app = await startApp({ config, logger, clock, random: Math.random, onBroken: () => end.now(1) });
    releaseStartupMemory();
    const { images, grpcPort, httpPort } = app;
    logger.info({ images, grpcPort, httpPort }, "listening");
    hooks.onStarted?.(app);
    const status = await end.promise;
    await app.stop(GRACE);
    await hooks.onStopped?.();
    logger.info({ status }, "stopped");
    return status;
  } catch (error) {
    logger.error({ err: error }, "the service cannot start");
    await hooks.onStopped?.();
    return 1;
  } finally {
    await logger.flush();
  }
}

/** The end of the process: by signal, by a defect, or from outside through `now`. */
function whenToEnd(logger: ProcessLogger) {
  let told = false;
  const { promise, resolve } = Promise.withResolvers<number>();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (told) process.exit(signal === "SIGINT" ? 130 : 143);
    told = true;
    logger.info({ signal }, "stopping");
    resolve(0);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      logger.error({ err: error }, "uncaught exception, process exits (bug)");
      resolve(1);
    });
  }
  return { promise, now: resolve };
}
