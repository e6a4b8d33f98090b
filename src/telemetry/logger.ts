import { createRequire } from "node:module";
import { isatty } from "node:tty";
import { type Logger as PinoLogger, pino, stdTimeFunctions } from "pino";
import { REDACTED, redactSecrets } from "../lib/redact.ts";
import type { LogFields, Logger } from "../ports.ts";
import { errorFields } from "./error-fields.ts";
import { createFdSink, type LogSink } from "./log-sink.ts";

/** How the log is written. */
export interface LoggerOptions {
  /** The least urgent level that is written. */
  readonly level: "debug" | "info" | "warn" | "error";
  /** One JSON object a line, or lines for people. */
  readonly profile: "production" | "development";
  /** Default: standard output, without ever waiting for its reader. */
  readonly destination?: LogSink | undefined;
}

/** The process's own logger. */
export interface ProcessLogger extends Logger {
  /** Lines lost so far because the destination stalled. */
  dropped(): number;
  /** Settles when everything has been written, or after a second. */
  flush(): Promise<void>;
}

/** Names of fields that hold secrets wherever they stand; nothing of ours logs them. */
const SECRET_FIELDS = ["authorization", "cookie", "password", "secret", "token", "auth", "headers"];

/**
 * A structured logger. The fields `err` and `error` take any thrown value: message, stack and causes are kept, what
 * looks like a secret in them, or in any other text, is not. Production lines carry RFC 3339 times and names of levels.
 */
export function createLogger({ level, profile, destination = createFdSink() }: LoggerOptions): ProcessLogger {
  const production = profile === "production";
  const prettify = production ? (line: string) => line : loadPrettifier();
  const write = (line: string) => destination.write(prettify(line));
  const root = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: errorFields, error: errorFields },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: REDACTED },
      formatters: {
        log: redactTexts,
        ...(production ? { level: (label: string) => ({ level: label }) } : {}),
      },
    },
    { write },
  );
  return {
    ...adapt(root, {}),
    dropped: () => destination.dropped(),
    flush: () => destination.flush(),
  };
}

/** Loads pino-pretty, which no production process needs. */
function loadPrettifier(): (line: string) => string {
  const { prettyFactory }: typeof import("pino-pretty") = createRequire(import.meta.url)("pino-pretty");
  return prettyFactory({ colorize: isatty(1), ignore: "pid,hostname" });
}

/** Names that every line has already: a field of such a name would stand in it twice. */
const LINE_FIELDS: ReadonlySet<string> = new Set(["level", "time", "msg"]);

function redactTexts(fields: Record<string, unknown>): Record<string, unknown> {
  const redacted: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    redacted[LINE_FIELDS.has(name) ? `${name}_` : name] = typeof value === "string" ? redactSecrets(value) : value;
  }
  return redacted;
}

/** Not pino's own children: they would write a key twice that a child and a line of it both have. */
function adapt(logger: PinoLogger, bound: LogFields): Logger {
  return {
    debug: (fields, message) => logger.debug({ ...bound, ...fields }, message),
    info: (fields, message) => logger.info({ ...bound, ...fields }, message),
    warn: (fields, message) => logger.warn({ ...bound, ...fields }, message),
    error: (fields, message) => logger.error({ ...bound, ...fields }, message),
    child: (fields) => adapt(logger, { ...bound, ...fields }),
  };
}
