import {
  GateBusyError,
  GateTakenOverError,
  type LabImagesError,
  NotReadyError,
  TooManyGatesError,
} from "../domain/errors.ts";
import { MOST_GATES } from "../machines/coordinator.ts";
import type { GateEnd } from "../machines/wait-gate.ts";
import type { GateCaller, GateMessage, RefreshCause } from "../ports.ts";

/** Those who wait at gates, by the id that the machines know them by. */
export interface GateCallers {
  /** Takes a caller in and gives its id. */
  add(gate: string, caller: GateCaller): number;
  remove(id: number): void;
  deliver(id: number | null, message: GateMessage): void;
  /** Ends one caller's session as its gate says. */
  end(id: number | null, why: GateEnd): void;
  /** There is no room for the caller's gate. */
  refuse(id: number): void;
  endAll(error: LabImagesError): void;
  /** A gate crashed: its callers come again, and nothing that they wait for is lost. */
  endCallersOf(gate: string): void;
  /** What ended the session while it was being opened, or null where it is open. */
  refusalOf(id: number): LabImagesError | null;
}

/** What is reported of callers. */
interface GateCallersOptions {
  readonly onThrow: (error: unknown) => void;
  /** A caller has taken a message. */
  readonly onDelivered: (cause: RefreshCause) => void;
}

/** Keeps callers apart from machines: what a caller's own code throws must not end an actor. */
export function gateCallers({ onThrow, onDelivered }: GateCallersOptions): GateCallers {
  const callers = new Map<number, { readonly gate: string; readonly caller: GateCaller }>();
  const refusals = new Map<number, LabImagesError>();
  let lastId = 0;

  function finish(id: number, error: LabImagesError): void {
    const entry = callers.get(id);
    if (entry === undefined) return;
    callers.delete(id);
    guarded(() => entry.caller.end(error));
  }

  function guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      onThrow(error);
    }
  }

  return {
    add(gate, caller) {
      lastId += 1;
      callers.set(lastId, { gate, caller });
      return lastId;
    },
    remove: (id) => void callers.delete(id),
    deliver(id, message) {
      const entry = id === null ? undefined : callers.get(id);
      if (entry === undefined) return;
      guarded(() => {
        entry.caller.deliver(message);
        onDelivered(message.cause);
      });
    },
    end(id, why) {
      const gate = id === null ? undefined : callers.get(id)?.gate;
      if (id === null || gate === undefined) return;
      if (why === "taken-over") finish(id, new GateTakenOverError(gate));
      else {
        refusals.set(id, new GateBusyError(gate));
        callers.delete(id);
      }
    },
    refuse(id) {
      refusals.set(id, new TooManyGatesError(MOST_GATES));
      callers.delete(id);
    },
    endAll(error) {
      for (const id of [...callers.keys()]) finish(id, error);
    },
    endCallersOf(gate) {
      const crashed = new NotReadyError(`gate "${gate}" crashed and restarts (bug): call again`);
      for (const [id, entry] of [...callers]) if (entry.gate === gate) finish(id, crashed);
    },
    refusalOf(id) {
      const refusal = refusals.get(id) ?? null;
      refusals.delete(id);
      return refusal;
    },
  };
}
