/** The real service in a process of its own, with what measures it from within. */
import { stringify } from "yaml";
import { type App, startApp } from "../../../src/app/app.ts";
import { keepMemorySmall } from "../../../src/app/memory.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { servedConfig } from "../../../src/config/served-config.ts";
import { createFdSink } from "../../../src/telemetry/log-sink.ts";
import { createLogger } from "../../../src/telemetry/logger.ts";
import { createSystemClock } from "../../../src/telemetry/system-clock.ts";
import { type Stalls, watchLoop } from "./loop-watch.ts";
import { memoryInUse } from "./memory-in-use.ts";
import { answerParent } from "./remote.ts";

const STANDARD_ERROR = 2;

let app: App | null = null;
let endWatch: (() => Stalls) | null = null;

const handlers = {
  /** Starts the service with this configuration, as in the file. */
  async start(config: Readonly<Record<string, unknown>>) {
    const logger = createLogger({
      level: "error",
      profile: "production",
      destination: createFdSink({ fd: STANDARD_ERROR }),
    });
    const clock = createSystemClock();
    const parsed = servedConfig(parseConfig(stringify(config)));
    app = await startApp({ config: parsed, logger, clock, random: Math.random, onBroken: () => process.exit(1) });
    return { grpcPort: app.grpcPort, httpPort: app.httpPort };
  },
  /** Watches the event loop from now on. */
  watchLoop(_: null) {
    endWatch?.();
    endWatch = watchLoop();
  },
  /** How it stood still since then. */
  stalls(_: null): Stalls {
    const stalls = endWatch?.() ?? { longest: 0, over10: 0, longestByTheClock: 0 };
    endWatch = null;
    return stalls;
  },
  /** Bytes: resident, and live after a full collection (where the process was started with --expose-gc). */
  memory: (_: null) => memoryInUse(),
  /** Milliseconds of processor time so far, of all threads. */
  cpuTime(_: null): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  },
  async stop(_: null) {
    await app?.stop(0);
    app = null;
  },
};

/** See the handlers. */
export type ServiceHandlers = typeof handlers;

keepMemorySmall();
answerParent(handlers);
