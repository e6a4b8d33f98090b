import { createActor } from "xstate";
import type { NodeRules } from "../domain/nodes/node-record.ts";
import { PULL_BACKOFF } from "../domain/prepull/prepull-backoff.ts";
import type { SnapshotSettings } from "../domain/snapshot/snapshot.ts";
import { coordinatorMachine } from "../machines/coordinator.ts";
import type { PrepullerSettings } from "../machines/prepuller/prepull-state.ts";
import { prepullerMachine } from "../machines/prepuller/prepuller.ts";
import { refreshMachine } from "../machines/refresh.ts";
import type { Clock } from "../ports.ts";
import { type BuiltInPrepuller, prepullEffects } from "./prepull-effects.ts";
import { type RefreshEffectsParts, refreshEffects } from "./refresh-effects.ts";

/** What the coordinator is made of. */
export interface CoordinatorParts extends Pick<RefreshEffectsParts, "sources" | "nodes" | "logger"> {
  readonly settings: SnapshotSettings;
  /** Milliseconds after which a pull is given up. */
  readonly pullTimeoutMs: number;
  readonly rules: NodeRules;
  /** Absent: an outside prepuller does the work. */
  readonly prepuller?: BuiltInPrepuller | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Milliseconds between two looks for pods that are left over. */
const SWEEP_INTERVAL = 600_000;
/** The default of `prepuller.stuckPullTimeout`, ms. */
const STUCK_PULL_TIMEOUT = 900_000;

/** The coordinating actor with its effects, not started yet. `stopping` aborts before the actor is stopped. */
export function coordinatorActor(parts: CoordinatorParts, stopping: AbortSignal) {
  const { settings, rules, clock, random, logger } = parts;
  const previousCatalogs = () => actor.getSnapshot().context.state.snapshot?.catalogs ?? [];
  const effects = refreshEffects({ ...parts, previousCatalogs });
  const prepulling = prepullEffects({ prepuller: parts.prepuller ?? null, logger, stopping });
  const machine = coordinatorMachine.provide({
    actors: {
      refresh: refreshMachine.provide({ actors: effects }),
      prepuller: prepullerMachine.provide({ actors: prepulling }),
    },
  });
  const actor = createActor(machine, {
    clock: actorClock(clock, stopping),
    input: {
      settings,
      refreshInterval: Math.min(...parts.sources.map(({ refreshIntervalMs }) => refreshIntervalMs)),
      rules,
      prepuller: prepullerSettings(parts),
      now: () => ({ wall: clock.wallTime(), monotonic: clock.monotonicTime() }),
      random,
    },
  });
  return actor;
}

/** See `coordinatorActor`. */
export type CoordinatorActor = ReturnType<typeof coordinatorActor>;

function prepullerSettings({ prepuller, pullTimeoutMs }: CoordinatorParts): PrepullerSettings {
  return {
    mode: prepuller === undefined ? "outside" : "built-in",
    maxConcurrentPulls: prepuller?.maxConcurrentPulls ?? 0,
    isAdaptive: prepuller?.isAdaptive ?? true,
    pullTimeout: pullTimeoutMs,
    stuckPullTimeout: prepuller?.stuckPullTimeout ?? STUCK_PULL_TIMEOUT,
    backoff: prepuller?.backoff ?? PULL_BACKOFF,
    sweepInterval: prepuller?.sweepInterval ?? SWEEP_INTERVAL,
  };
}

/**
 * The actors' timers on the injected clock. None outlives `stopping`: an actor that has broken leaves those of its
 * children behind, and one that waits for the next refresh would keep the process from ending.
 */
function actorClock(clock: Clock, stopping: AbortSignal) {
  const timers = new Map<number, () => void>();
  let lastId = 0;
  const cancelAll = (): void => {
    for (const cancel of timers.values()) cancel();
    timers.clear();
  };
  stopping.addEventListener("abort", cancelAll, { once: true });
  return {
    setTimeout(callback: (...parameters: never[]) => void, milliseconds: number): number {
      lastId += 1;
      const id = lastId;
      if (stopping.aborted) return id;
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
