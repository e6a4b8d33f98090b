import { LabImagesError } from "../../domain/errors.ts";
import { DeadlineReached, withDeadline } from "../../lib/abort.ts";
import type { Clock } from "../../ports.ts";

/** One thing that was asked, and whether it is as the service needs it. */
export interface Finding {
  readonly isOk: boolean;
  /** The key of the configuration that it is about. */
  readonly key: string;
  /** What was found or what is missing, in a line. */
  readonly message: string;
}

export function ok(key: string, message: string): Finding {
  return { isOk: true, key, message };
}

export function missing(key: string, message: string): Finding {
  return { isOk: false, key, message };
}

/** What `work` finds within `milliseconds`; then, and where it fails, one finding under `key` says so. */
export async function findWithin(
  clock: Clock,
  milliseconds: number,
  key: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await withDeadline(clock, milliseconds, signal, work);
  } catch (error) {
    if (error instanceof DeadlineReached) return [missing(key, `no whole answer within ${milliseconds / 1_000} s`)];
    if (error instanceof LabImagesError) return [missing(key, error.message)];
    throw error;
  }
}
