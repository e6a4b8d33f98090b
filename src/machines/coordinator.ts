import { assertEvent, assign, emit, enqueueActions, raise, sendTo, setup } from "xstate";
import type { NodeRules } from "../domain/nodes/node-record.ts";
import { emptyNodeTable } from "../domain/nodes/node-table.ts";
import { NO_WORK, type PrepullWork, workOf } from "../domain/prepull/prepull-work.ts";
import type { Times } from "../domain/prepull/pull.ts";
import type { Snapshot, SnapshotSettings } from "../domain/snapshot/snapshot.ts";
import { backoffDelayMs } from "../lib/backoff.ts";
import type { PrepullReport, RefreshCause } from "../ports.ts";
import {
  type ImageEvent,
  type ImageState,
  initialImageState,
  type RefreshSettlement,
  reduceImages,
} from "./image-state.ts";
import type { PrepullerSettings } from "./prepuller/prepull-state.ts";
import { prepullerMachine } from "./prepuller/prepuller.ts";
import type { PrepullerNews, PrepullerReport } from "./prepuller/prepuller-events.ts";
import { type RefreshRequested, refreshMachine } from "./refresh.ts";
import type { GateOpening } from "./wait-gate.ts";

/** Changes of nodes are gathered for this long before the gates open for them. */
const DEBOUNCE_MS = 250;
/** Delays before an actor that has crashed is started again. */
const RESTART_BACKOFF = { initialMs: 500, maxMs: 30_000 };

/** What the coordinator receives. */
export type CoordinatorEvent =
  | ImageEvent
  | RefreshRequested
  | PrepullerReport
  | { readonly type: "prepull.reported"; readonly report: PrepullReport }
  | { readonly type: "xstate.error.actor.prepuller"; readonly error: unknown };

/** What the coordinator emits. */
export type CoordinatorEmitted =
  | { readonly type: "refresh.started" }
  | ({ readonly type: "refresh.settled" } & RefreshSettlement)
  | { readonly type: "snapshot.replaced"; readonly snapshot: Snapshot }
  | ({ readonly type: "gates.opened" } & GateOpening)
  | { readonly type: "prepuller.emitted"; readonly news: PrepullerNews }
  | { readonly type: "actor.crashed"; readonly actor: string; readonly error: unknown };

/** Input of the coordinator. */
export interface CoordinatorInput {
  readonly settings: SnapshotSettings;
  /** Milliseconds between the end of a refresh and the next one. */
  readonly refreshInterval: number;
  readonly rules: NodeRules;
  readonly prepuller: PrepullerSettings;
  readonly now: () => Times;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

interface CoordinatorContext extends Pick<CoordinatorInput, "refreshInterval" | "prepuller" | "now" | "random"> {
  readonly state: ImageState;
  /** What the prepuller has to do, by the snapshot. */
  readonly work: PrepullWork;
  /** Crashes in a row. */
  readonly refreshCrashes: number;
  /** Crashes in all. */
  readonly prepullerCrashes: number;
  /** The cause with which the next refresh cycle starts. */
  readonly firstCause: RefreshCause;
}

const IMAGE_EVENTS = [
  "refresh.started",
  "refresh.slow",
  "nodes.paged",
  "nodes.restarted",
  "nodes.listed",
  "images.listed",
  "refresh.completed",
  "refresh.failed",
  "xstate.error.actor.refresh",
  "nodes.changed",
  "changes.settled",
  "image.prepulled",
  "watch.failed",
  "watch.recovered",
] as const satisfies readonly ImageEvent["type"][];

/**
 * The actor that owns the image state: it reduces events to the next state, publishes what has changed, and supervises
 * the refresh cycle and the prepuller. One that crashes is started again, with backoff.
 */
export const coordinatorMachine = setup({
  types: {
    context: {} as CoordinatorContext,
    input: {} as CoordinatorInput,
    events: {} as CoordinatorEvent,
    emitted: {} as CoordinatorEmitted,
  },
  actors: { refresh: refreshMachine, prepuller: prepullerMachine },
  actions: {
    /** The next image state, and then what it changes, in this order. */
    reduce: enqueueActions(({ context, event, self, enqueue }) => {
      assertEvent(event, IMAGE_EVENTS);
      const before = context.state;
      const state = reduceImages(before, event, context.now().wall);
      const { snapshot, lastOpening, lastSettled } = state;
      const work = snapshot === null ? context.work : workOf(snapshot, context.work);
      enqueue.assign({ state, work });
      // The prepuller first: whoever reads the new snapshot reads the progress of its work with it.
      if (work !== context.work && self.getSnapshot().matches({ prepulling: "running" })) {
        enqueue.sendTo("prepuller", { type: "work.changed", work });
      }
      // Then the snapshot: page tokens of the one before expire from now on, before anybody can ask for one of this.
      if (snapshot !== null && snapshot !== before.snapshot) enqueue.emit({ type: "snapshot.replaced", snapshot });
      // Then the gates, whose callers ask for the snapshot at once.
      if (lastOpening !== null && lastOpening !== before.lastOpening) {
        enqueue.emit({ type: "gates.opened", ...lastOpening });
      }
      // Last those who demanded the refresh: all that it brings has happened.
      if (lastSettled !== null && lastSettled !== before.lastSettled) {
        enqueue.emit({ type: "refresh.settled", ...lastSettled });
      }
    }),
    emitStarted: emit({ type: "refresh.started" }),
    emitCrash: emit(({ event }, { actor }: { actor: string }) => ({
      type: "actor.crashed",
      actor,
      error: "error" in event ? event.error : null,
    })),
    countRefreshCrash: assign({ refreshCrashes: ({ context }) => context.refreshCrashes + 1 }),
    forgetRefreshCrashes: assign({ refreshCrashes: 0 }),
    countPrepullerCrash: assign({ prepullerCrashes: ({ context }) => context.prepullerCrashes + 1 }),
    rememberDemand: assign(({ event }) => {
      assertEvent(event, "refresh.requested");
      return { firstCause: event.cause };
    }),
    demandRefresh: sendTo("refresh", ({ event }) => {
      assertEvent(event, "refresh.requested");
      return event;
    }),
    sendReport: sendTo("prepuller", ({ event }) => {
      assertEvent(event, "prepull.reported");
      return event;
    }),
    emitPrepull: emit(({ event }) => {
      assertEvent(event, "prepuller.emitted");
      return event;
    }),
    emitNodeCrash: emit(({ event }) => {
      assertEvent(event, "node.broke");
      const error = new Error(`the work on node ${event.node} broke`, { cause: event.error });
      return { type: "actor.crashed", actor: "nodePrepull", error };
    }),
    emitAbandoned: emit({ type: "prepuller.emitted", news: { type: "work.abandoned" } }),
  },
  guards: { hasGrownMissing: ({ context }) => context.state.missingGrown },
  delays: {
    debounceMs: DEBOUNCE_MS,
    refreshRestart: ({ context }) => backoffDelayMs(context.refreshCrashes, RESTART_BACKOFF, context.random()),
    prepullerRestart: ({ context }) => backoffDelayMs(context.prepullerCrashes, RESTART_BACKOFF, context.random()),
  },
}).createMachine({
  id: "coordinator",
  context: ({ input: { settings, refreshInterval, rules, prepuller, now, random } }) => ({
    refreshInterval,
    prepuller,
    now,
    random,
    state: initialImageState(settings, emptyNodeTable(rules)),
    work: NO_WORK,
    refreshCrashes: 0,
    prepullerCrashes: 0,
    firstCause: "STARTUP",
  }),
  type: "parallel",
  states: {
    refreshing: {
      initial: "running",
      states: {
        running: {
          invoke: {
            id: "refresh",
            src: "refresh",
            input: ({ context, self }) => ({
              parent: self,
              interval: context.refreshInterval,
              random: context.random,
              firstCause: context.firstCause,
            }),
            onError: {
              target: "broken",
              actions: [{ type: "emitCrash", params: { actor: "refresh" } }, "reduce", "countRefreshCrash"],
            },
          },
          on: {
            "refresh.requested": { actions: "demandRefresh" },
            "refresh.started": { actions: ["reduce", "emitStarted"] },
            "refresh.slow": { actions: "reduce" },
            "nodes.paged": { actions: "reduce" },
            "nodes.restarted": { actions: "reduce" },
            "nodes.listed": { actions: "reduce" },
            "images.listed": { actions: "reduce" },
            "refresh.completed": { actions: ["reduce", "forgetRefreshCrashes"] },
            "refresh.failed": { actions: "reduce" },
          },
        },
        broken: {
          after: { refreshRestart: "running" },
          on: { "refresh.requested": { actions: "rememberDemand" } },
        },
      },
    },
    watching: {
      initial: "quiet",
      on: {
        "nodes.changed": { actions: "reduce" },
        "image.prepulled": { actions: "reduce" },
        "watch.failed": { actions: "reduce" },
        "watch.recovered": { actions: "reduce" },
      },
      states: {
        quiet: { always: { guard: "hasGrownMissing", target: "settling" } },
        settling: {
          after: { debounceMs: { actions: raise({ type: "changes.settled" }) } },
          on: { "changes.settled": { target: "quiet", actions: "reduce" }, "refresh.completed": "quiet" },
        },
      },
    },
    prepulling: {
      initial: "running",
      states: {
        running: {
          invoke: {
            id: "prepuller",
            src: "prepuller",
            input: ({ context: { prepuller, work, now, random } }) => ({ settings: prepuller, work, now, random }),
            onError: {
              target: "broken",
              actions: [{ type: "emitCrash", params: { actor: "prepuller" } }, "emitAbandoned", "countPrepullerCrash"],
            },
          },
          on: {
            "prepull.reported": { actions: "sendReport" },
            "prepuller.emitted": { actions: "emitPrepull" },
            "node.broke": { actions: "emitNodeCrash" },
          },
        },
        broken: { after: { prepullerRestart: "running" } },
      },
    },
  },
});
