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
  /**
   * Where all gates have callers, the peer that holds most of them loses its oldest to a new caller, if it still holds at
   * least as many as the new caller's peer then. Returns whose session has ended, or null.
   */
  makeRoom(gate: string, peer: string): { readonly id: number; readonly gate: string } | null;
  /** Takes a caller in and gives its id. */
  add(gate: string, peer: string, caller: GateCaller): number;
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

interface Entry {
  readonly gate: string;
  readonly peer: string;
  readonly caller: GateCaller;
}

/** What is reported of callers. */
interface GateCallersOptions {
  readonly onThrow: (error: unknown) => void;
  /** A caller has taken a message. */
  readonly onDelivered: (cause: RefreshCause) => void;
}

/** Keeps callers apart from machines: what a caller's own code throws must not end an actor. */
export function gateCallers({ onThrow, onDelivered }: GateCallersOptions): GateCallers {
  /** The one that has called first stands first. */
  const callers = new Map<number, Entry>();
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

  function makeRoom(gate: string, peer: string): { readonly id: number; readonly gate: string } | null {
    const gatesOf = Map.groupBy(callers.values(), (entry) => entry.peer);
    const count = (of: string) => new Set(gatesOf.get(of)?.map((entry) => entry.gate)).size;
    const gates = new Set([...callers.values()].map((entry) => entry.gate));
    if (gates.has(gate) || gates.size < MOST_GATES) return null;
    const largest = [...gatesOf.keys()].reduce((most, each) => (count(each) > count(most) ? each : most), peer);
    if (count(largest) <= count(peer) + 1) return null;
    const [[id, entry] = []] = [...callers].filter(([, { peer: of }]) => of === largest);
    if (id === undefined || entry === undefined) return null;
    finish(id, new TooManyGatesError(MOST_GATES));
    return { id, gate: entry.gate };
  }

  return {
    makeRoom,
    add(gate, peer, caller) {
      lastId += 1;
      callers.set(lastId, { gate, peer, caller });
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
