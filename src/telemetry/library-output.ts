import { Console } from "node:console";
import { Writable } from "node:stream";
import { quotePeer, REDACTED } from "../lib/redact.ts";
import type { Clock, LogFields, Logger } from "../ports.ts";

/** Lines that are logged within an interval, in ms; those beyond are counted. */
const MAX_LINES = 20;
const INTERVAL_MS = 10_000;

type Level = "warn" | "debug";

/**
 * Logs what libraries and Node itself print, from now on: by the console, as warnings of the process, to standard error. It
 * may quote peers, secrets among it, and at any length, and would pile up where nobody reads it. Returns a function that
 * ends this.
 */
export function captureLibraryOutput(logger: Logger, clock: Clock): () => void {
  const lines = limitLines(logger, clock);
  const warn = writableOf((text) => lines.log("warn", { output: printed(text) }, "library output"));
  const debug = writableOf((text) => lines.log("debug", { output: printed(text) }, "library output"));
  const restore = [
    replaceConsole(new Console({ stdout: debug, stderr: warn })),
    replaceWarningListeners(({ name, message }) =>
      lines.log("warn", { name: printed(name), output: printed(message) }, "process warning"),
    ),
    replaceStandardError(debug),
  ];
  return () => {
    for (const each of restore) each();
    lines.stop();
  };
}

/** grpc-js prints metadata that it cannot read, whatever its name is: the value may be a credential. */
function printed(text: string): string {
  return quotePeer(text.replace(/(metadata entry [\w.-]+:).*/s, `$1 ${REDACTED}`));
}

function writableOf(print: (text: string) => void): Writable {
  return new Writable({
    decodeStrings: false,
    write(chunk: unknown, _encoding, callback) {
      print(String(chunk));
      callback();
    },
  });
}

/** In place: libraries may hold the object. */
function replaceConsole(other: Console): () => void {
  const original = { ...globalThis.console };
  Object.assign(globalThis.console, other);
  return () => void Object.assign(globalThis.console, original);
}

function replaceWarningListeners(listener: (warning: Error) => void): () => void {
  const originals = process.listeners("warning");
  process.removeAllListeners("warning");
  process.on("warning", listener);
  return () => {
    process.off("warning", listener);
    for (const original of originals) process.on("warning", original);
  };
}

/** Node makes its own stream when it is first asked for: it is not, and none of its writes can wait. */
function replaceStandardError(stream: Writable): () => void {
  const original = Object.getOwnPropertyDescriptor(process, "stderr") ?? {};
  Object.defineProperty(process, "stderr", { ...original, get: () => stream });
  return () => void Object.defineProperty(process, "stderr", original);
}

function limitLines(logger: Logger, clock: Clock) {
  let count = 0;
  let cancel: (() => void) | null = null;

  function endInterval(): void {
    cancel = null;
    const dropped = count - MAX_LINES;
    count = 0;
    if (dropped > 0)
      logger.warn({ dropped }, `library output: more than ${MAX_LINES} lines in ${INTERVAL_MS / 1_000} s`);
  }

  return {
    log(level: Level, fields: LogFields, message: string): void {
      count += 1;
      cancel ??= clock.schedule(INTERVAL_MS, endInterval);
      if (count <= MAX_LINES) logger[level](fields, message);
    },
    stop(): void {
      cancel?.();
      endInterval();
    },
  };
}
