import type { ServedConfig } from "../config/config.ts";
import { LabImagesError } from "../domain/errors.ts";
import { DeadlineReached, withDeadline } from "../lib/abort.ts";
import type { Clock } from "../ports.ts";
import { captureLibraryOutput } from "../telemetry/library-output.ts";
import { createLogger, type ProcessLogger } from "../telemetry/logger.ts";
import { createSystemClock } from "../telemetry/system-clock.ts";
import { type App, StartError, startApp } from "./app.ts";
import { keepMemorySmall, releaseMemory, startMemoryKeeper } from "./memory.ts";

/** Time in ms that calls under way have to finish after SIGTERM. */
const GRACE_MS = 10_000;
/** Time in ms after which the process ends, whatever has not been released: the lease is given back within 5 s. */
const MAX_STOP_MS = GRACE_MS + 10_000;

/** What a server's process has besides its configuration. */
export interface ServerOptions {
  /** The file that the configuration is from, where it is from one that may change. */
  readonly configFile?: string;
  /** Aborts when the process has to end, with the name of the signal. */
  readonly stopping: AbortSignal;
  /** Called once, when both ports are open. */
  readonly onStarted?: (app: App) => void;
  readonly logger?: ProcessLogger;
  readonly clock?: Clock;
}

/** Runs the service until it has to stop. Returns the exit status: 0, or 1 where it could not start or crashed. */
export async function runServer(config: ServedConfig, options: ServerOptions): Promise<number> {
  keepMemorySmall();
  const logger = options.logger ?? createLogger(config.log);
  const clock = options.clock ?? createSystemClock();
  const releaseOutput = captureLibraryOutput(logger.child({ component: "process" }), clock);
  const end = untilEnd(options.stopping, logger);
  try {
    if (options.stopping.aborted) return 0;
    const app = await startApp({
      config,
      configFile: options.configFile,
      logger,
      clock,
      random: Math.random,
      onBroken: () => end.now(1),
    });
    releaseMemory();
    const stopKeeper = startMemoryKeeper({ clock, size: () => app.size() });
    const { images, kubernetes, grpcPort, httpPort } = app;
    logger.info({ images, kubernetes, grpcPort, httpPort }, "listening");
    options.onStarted?.(app);
    const status = await end.promise;
    stopKeeper();
    await stopInTime(app, clock, logger);
    logger.info({ status }, "stopped");
    return status;
  } catch (error) {
    if (error instanceof StartError || error instanceof LabImagesError)
      logger.error({}, `cannot start: ${error.message}`);
    else logger.error({ err: error }, "cannot start (bug)");
    return 1;
  } finally {
    releaseOutput();
    await logger.flush();
  }
}

async function stopInTime(app: App, clock: Clock, logger: ProcessLogger): Promise<void> {
  try {
    await withDeadline(clock, MAX_STOP_MS, new AbortController().signal, () => app.stop(GRACE_MS));
  } catch (error) {
    if (!(error instanceof DeadlineReached)) throw error;
    logger.warn({}, `not everything was released within ${MAX_STOP_MS / 1_000} s`);
  }
}

/** The end of the process: by signal, by a bug, or from outside through `now`. */
function untilEnd(stopping: AbortSignal, logger: ProcessLogger) {
  const { promise, resolve } = Promise.withResolvers<number>();
  const stop = () => {
    logger.info({ signal: String(stopping.reason) }, "stopping");
    resolve(0);
  };
  if (stopping.aborted) stop();
  stopping.addEventListener("abort", stop, { once: true });
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      logger.error({ err: error }, "uncaught error, process exits (bug)");
      resolve(1);
    });
  }
  return { promise, now: resolve };
}
