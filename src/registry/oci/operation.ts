import { LabImagesError, RegistryUnavailableError } from "../../domain/errors.ts";
import { startDeadline } from "../../lib/abort.ts";
import type { Clock } from "../../ports.ts";

/** Runs the calls of one source, until it is closed. */
export interface Operations {
  /**
   * Bounds one call in time, and makes each of its failures one that the port allows: a RegistryUnavailableError, a
   * RegistryDeniedError, or the reason of `signal`.
   */
  run<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** Ends what is under way, and what will be asked for, with a RegistryUnavailableError. */
  close(): void;
}

/** `host` is who is asked, for the texts of errors. */
export function createOperations(clock: Clock, timeoutMs: number, host: string): Operations {
  const closing = new AbortController();
  return {
    async run(signal, work) {
      const deadline = startDeadline(clock, timeoutMs, signal, closing.signal);
      try {
        deadline.signal.throwIfAborted();
        return await work(deadline.signal);
      } catch (error) {
        signal.throwIfAborted();
        if (closing.signal.aborted) throw new RegistryUnavailableError("the registry client has been closed");
        if (deadline.expired) throw new RegistryUnavailableError(`${host} timed out after ${timeoutMs / 1_000} s`);
        if (error instanceof LabImagesError) throw error;
        throw new RegistryUnavailableError(`asking ${host} failed`, error);
      } finally {
        deadline.release();
      }
    },
    close: () => closing.abort(),
  };
}
