import { isDeepStrictEqual } from "node:util";
import type { ServedConfig } from "../config/config.ts";
import { ConfigError } from "../config/config-error.ts";
import { readConfigText } from "../config/config-text.ts";
import { checkConfigText } from "../config/load.ts";
import { servedConfig } from "../config/served-config.ts";
import type { Clock, Logger } from "../ports.ts";

/** Follows the configuration file. */
export interface ConfigFollower {
  stop(): void;
}

/** Collaborators of a ConfigFollower. */
export interface ConfigFollowerDeps {
  readonly file: string;
  /** What the process runs with. */
  readonly config: ServedConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Counts a changed file that could be used, or not. */
  readonly observe: (outcome: "accepted" | "refused") => void;
}

/** Interval of reads in ms: swapped links, renamed and rewritten files are all noticed by their content. */
const READ_INTERVAL_MS = 10_000;
/** A changed file is read again after this time in ms, and counts once it is the same twice: it may be half written. */
const SETTLE_MS = 1_000;
/** More problems than these are for `check-config`. */
const MAX_LOGGED_PROBLEMS = 10;

/** What one read of the file gave. */
interface Reading {
  /** What two readings are compared by: the text, or why there is none. */
  readonly content: string;
  readonly error: ConfigError | null;
}

/**
 * Checks the configuration file whenever its content has changed: a file that cannot be used is refused as a whole, with a log
 * line and a count, while the process goes on with what it has. This version takes a changed configuration over at its next start, and
 * says so.
 */
export function followConfig({ file, config, clock, logger, observe }: ConfigFollowerDeps): ConfigFollower {
  let settled: Reading | null = null;
  let candidate: Reading | null = null;
  let isStopped = false;
  let cancel: () => void = () => undefined;

  async function look(): Promise<void> {
    const reading = await read(file);
    if (isStopped) return;
    if (isSame(reading, settled)) candidate = null;
    else if (!isSame(reading, candidate)) candidate = reading;
    else {
      [settled, candidate] = [reading, null];
      await check(reading);
    }
    schedule(candidate === null ? READ_INTERVAL_MS : SETTLE_MS);
  }

  async function check({ content, error }: Reading): Promise<void> {
    try {
      if (error !== null) throw error;
      const keys = changedKeys(config, servedConfig(await checkConfigText(content)));
      if (keys.length === 0) return;
      observe("accepted");
      logger.warn({ file, keys }, "the configuration file has changed: the next start takes it over");
    } catch (refusal) {
      observe("refused");
      const message = "the configuration file has changed and cannot be used: it is refused";
      if (!(refusal instanceof ConfigError)) logger.error({ file, err: refusal }, `${message} (bug)`);
      else logger.error({ file, problems: refusal.message.split("\n").slice(0, MAX_LOGGED_PROBLEMS) }, message);
    }
  }

  function schedule(delayMs: number): void {
    if (!isStopped) cancel = clock.schedule(delayMs, () => void look());
  }

  schedule(READ_INTERVAL_MS);
  return {
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

async function read(file: string): Promise<Reading> {
  try {
    return { content: await readConfigText(file), error: null };
  } catch (error) {
    const reason = error instanceof ConfigError ? error : new ConfigError([{ path: "", message: String(error) }]);
    return { content: reason.message, error: reason };
  }
}

function isSame(a: Reading, b: Reading | null): boolean {
  return b !== null && a.content === b.content && (a.error === null) === (b.error === null);
}

/** The settings that differ, by their keys at the top level. */
function changedKeys(before: ServedConfig, after: ServedConfig): readonly string[] {
  const other = new Map<string, unknown>(Object.entries(after));
  return Object.entries(before).flatMap(([key, value]) => (isDeepStrictEqual(value, other.get(key)) ? [] : [key]));
}
