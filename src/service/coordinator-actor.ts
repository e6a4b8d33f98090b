import { createActor } from "xstate";
import type { NodeRules } from "../domain/node-record.ts";
import { coordinatorMachine } from "../machines/coordinator.ts";
import type { CoordinatorSettings } from "../machines/image-state.ts";
import { refreshMachine } from "../machines/refresh.ts";
import { waitGateMachine } from "../machines/wait-gate.ts";
import type { Clock } from "../ports.ts";
import type { GateCallers } from "./gate-callers.ts";
import { type RefreshEffectsParts, refreshEffects } from "./refresh-effects.ts";

/** What the coordinator is made of. */
export interface CoordinatorParts extends Pick<RefreshEffectsParts, "source" | "nodes" | "logger"> {
  readonly settings: CoordinatorSettings;
  readonly rules: NodeRules;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** The coordinating actor with its effects, not started yet. */
export function coordinatorActor(parts: CoordinatorParts, callers: GateCallers) {
  const { settings, rules, clock, random } = parts;
  const previousCatalog = () => actor.getSnapshot().context.state.snapshot?.catalog ?? null;
  const effects = refreshEffects({ ...parts, settings: settings.images, previousCatalog });
  const machine = coordinatorMachine.provide({
    actors: {
      refresh: refreshMachine.provide({ actors: effects }),
      waitGate: waitGateMachine.provide({
        actions: {
          deliver: (_, { caller, message }) => callers.deliver(caller, message),
          end: (_, { caller, why }) => callers.end(caller, why),
        },
      }),
    },
    actions: {
      refuseCaller: (_, { caller }) => callers.refuse(caller),
      endCallersOf: (_, { gate }) => callers.endCallersOf(gate),
    },
  });
  const actor = createActor(machine, {
    clock: actorClock(clock),
    input: { settings, rules, wallTime: () => clock.wallTime(), random },
  });
  return actor;
}

/** See `coordinatorActor`. */
export type CoordinatorActor = ReturnType<typeof coordinatorActor>;

/** The actors' timers on the injected clock. */
function actorClock(clock: Clock) {
  const timers = new Map<number, () => void>();
  let lastId = 0;
  return {
    setTimeout(callback: (...parameters: never[]) => void, milliseconds: number): number {
      lastId += 1;
      const id = lastId;
      const cancel = clock.schedule(milliseconds, () => {
        timers.delete(id);
        callback();
      });
      timers.set(id, cancel);
      return id;
    },
    clearTimeout(id: number): void {
      timers.get(id)?.();
      timers.delete(id);
    },
  };
}
