import { type ActorRefFrom, createActor } from "xstate";
import { GateBusyError, type LabImagesError, NotReadyError, TooManyGatesError } from "../domain/errors.ts";
import { type GateOpening, type WaitGateEvent, waitGateMachine } from "../machines/wait-gate.ts";
import type { GateCaller, GateRequest, GateSession, RefreshCause } from "../ports.ts";

/** How many gates there may be (docs/spec/refresh.md). */
export const MAX_GATES = 16;

/** The wait gates, by name. */
export interface Gates {
  /** Attaches a caller; the gate's memory may deliver to it at once. Errors: GateBusyError, TooManyGatesError. */
  attach(request: GateRequest, caller: GateCaller): GateSession;
  /** Opens all gates. */
  open(opening: GateOpening): void;
  /** Ends all sessions. */
  close(error: LabImagesError): void;
}

/** What the gates report to. */
export interface GatesDeps {
  /** Of this process: see `GateRequest.resume`. */
  readonly epoch: string;
  /** A caller has taken a message. */
  readonly onDelivered: (cause: RefreshCause) => void;
  /** A caller's own code threw. */
  readonly onThrow: (error: unknown) => void;
  /** There was no room for a gate of this peer, or it has lost one. */
  readonly onLimit: (peer: string) => void;
  /** The gate's actor crashed: its caller attaches again, and misses nothing. */
  readonly onCrash: (gate: string, error: unknown) => void;
}

interface Gate {
  readonly name: string;
  readonly ref: ActorRefFrom<typeof waitGateMachine>;
  /** Of the last caller. */
  peer: string;
}

export function createGates({ epoch, onDelivered, onThrow, onLimit, onCrash }: GatesDeps): Gates {
  /** In the order in which they were last attached to. */
  const gates = new Map<string, Gate>();
  let lastOpening: GateOpening | null = null;

  function guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      onThrow(error);
    }
  }

  /** What a caller's own code throws must not end its gate. */
  function guardedCaller(caller: GateCaller): GateCaller {
    return {
      deliver: (message) =>
        guarded(() => {
          caller.deliver(message);
          onDelivered(message.cause);
        }),
      end: (error) => guarded(() => caller.end(error)),
    };
  }

  function createGate(name: string, peer: string): Gate {
    makeRoom(peer);
    const gate: Gate = { name, ref: createActor(waitGateMachine, { input: { name, lastOpening } }), peer };
    gate.ref.subscribe({
      error(error) {
        onCrash(name, error);
        remove(gate, crashed(name));
      },
    });
    gates.set(name, gate);
    gate.ref.start();
    return gate;
  }

  function remove(gate: Gate, error: LabImagesError): void {
    gates.delete(gate.name);
    gate.ref.getSnapshot().context.caller?.end(error);
    gate.ref.stop();
  }

  /** A gate without caller gives way, the one attached to longest ago first; else one of the peer that holds most of them. */
  function makeRoom(peer: string): void {
    if (gates.size < MAX_GATES) return;
    const full = new TooManyGatesError(MAX_GATES);
    const free = [...gates.values()].find(({ ref }) => ref.getSnapshot().matches("free"));
    const losing = free ?? oldestOfLargest(peer);
    if (free === undefined) onLimit(losing?.peer ?? peer);
    if (losing === undefined) throw full;
    remove(losing, full);
  }

  /** Of a peer that would still hold at least as many as this one then. */
  function oldestOfLargest(peer: string): Gate | undefined {
    const held = Map.groupBy(gates.values(), (gate) => gate.peer);
    const largest = [...held.values()].reduce((most, each) => (each.length > most.length ? each : most));
    return largest.length > (held.get(peer)?.length ?? 0) + 1 ? largest[0] : undefined;
  }

  return {
    attach({ gate: name, holder, peer, resume }, caller) {
      const gate = gates.get(name) ?? createGate(name, peer);
      const own = guardedCaller(caller);
      const resumeAfter = resume === null ? undefined : resume.epoch === epoch ? resume.afterGeneration : null;
      gate.ref.send({ type: "caller.attached", caller: own, holder, resumeAfter });
      if (gates.get(name) !== gate) throw crashed(name);
      if (gate.ref.getSnapshot().context.caller !== own) throw new GateBusyError(name);
      gate.peer = peer;
      gates.delete(name);
      gates.set(name, gate);
      const send = (event: WaitGateEvent) => {
        if (gates.get(name) === gate) gate.ref.send(event);
      };
      return {
        ready: () => send({ type: "caller.ready", caller: own }),
        close: () => send({ type: "caller.detached", caller: own }),
      };
    },
    open({ generation, cause }) {
      lastOpening = { generation, cause };
      for (const { ref } of [...gates.values()]) ref.send({ type: "gate.opened", generation, cause });
    },
    close(error) {
      for (const gate of [...gates.values()]) remove(gate, error);
    },
  };
}

function crashed(gate: string): NotReadyError {
  return new NotReadyError(`gate "${gate}" crashed and restarts (bug): call again`);
}
