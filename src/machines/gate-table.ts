import type { ActorRefFrom } from "xstate";
import type { waitGateMachine } from "./wait-gate.ts";

/** A reference to a gate's actor. */
export type GateRef = ActorRefFrom<typeof waitGateMachine>;

/** The gates without the one of this name. */
export function withoutGate(gates: ReadonlyMap<string, GateRef>, name: string): ReadonlyMap<string, GateRef> {
  return new Map([...gates].filter(([other]) => other !== name));
}

/** The name of the gate without caller that was attached to longest ago; null where each has one. */
export function idleGate(gates: ReadonlyMap<string, GateRef>): string | null {
  for (const [name, ref] of gates) if (ref.getSnapshot().matches("free")) return name;
  return null;
}
