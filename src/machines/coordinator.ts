import { assertEvent, assign, emit, enqueueActions, sendTo, setup } from "xstate";
import { emptyNodeTable, nodeNamed } from "../domain/nodes/node-table.ts";
import { NO_WORK, type PrepullWork, workOf } from "../domain/prepull/prepull-work.ts";
import type { RefreshCause } from "../ports.ts";
import type { CoordinatorEvent, CoordinatorInput, CoordinatorNews } from "./coordinator-events.ts";
import { type GateRef, idleGate, withoutGate } from "./gate-table.ts";
import {
  abandonRun,
  addCatalog,
  addPage,
  announce,
  applyChanges,
  applyMark,
  beginRun,
  closePages,
  dropPages,
  failRun,
  type ImageState,
  initialImageState,
  setWatchFault,
  showSlowRun,
  swap,
} from "./image-state.ts";
import { leaveOrphans } from "./prepuller/orphans.ts";
import { prepullerMachine } from "./prepuller/prepuller.ts";
import { errorOfFaults, NO_FAULTS, refreshMachine, SLOW_REFRESH_MS } from "./refresh.ts";
import { waitGateMachine } from "./wait-gate.ts";

/** How many gates there may be (docs/spec/refresh.md). */
export const MOST_GATES = 16;
/** Milliseconds that changes of nodes are gathered before the gates open for them. */
const SETTLING_TIME = 250;
/** Milliseconds before a refresh cycle that has broken is started anew; doubled with each further time. */
const FIRST_RESTART = 500;
const LONGEST_RESTART = 30_000;

interface CoordinatorContext extends Pick<CoordinatorInput, "prepuller" | "now" | "random"> {
  readonly state: ImageState;
  /** By name, in the order in which they were last attached to. */
  readonly gates: ReadonlyMap<string, GateRef>;
  /** What is to be pulled, as the snapshot has it. */
  readonly work: PrepullWork;
  /** Times in a row that the refresh cycle broke. */
  readonly breaks: number;
  /** Times that the prepuller broke. */
  readonly prepullerBreaks: number;
  /** The cause with which the next refresh cycle starts. */
  readonly firstCause: RefreshCause;
}

/**
 * The actor that owns the image state. It gathers what a refresh brings and swaps it in whole, applies what the watch
 * and the marks tell in between, keeps the gates, and watches over the refresh cycle: one that breaks is started anew.
 */
export const coordinatorMachine = setup({
  types: {
    context: {} as CoordinatorContext,
    input: {} as CoordinatorInput,
    events: {} as CoordinatorEvent,
    emitted: {} as CoordinatorNews,
  },
  actors: { refresh: refreshMachine, waitGate: waitGateMachine, prepuller: prepullerMachine },
  actions: {
    tellStarted: emit({ type: "refresh.started" }),
    beginRun: assign({ state: ({ context }) => beginRun(context.state) }),
    addPage: assign(({ context, event }) => {
      assertEvent(event, "nodes.paged");
      return { state: addPage(context.state, event.page) };
    }),
    dropPages: assign({ state: ({ context }) => dropPages(context.state) }),
    closePages: assign({ state: ({ context }) => closePages(context.state, context.now().wall) }),
    addCatalog: assign(({ context, event }) => {
      assertEvent(event, "images.listed");
      return { state: addCatalog(context.state, event.catalog, context.now().wall) };
    }),
    swap: assign(({ context, event }) => {
      assertEvent(event, "refresh.completed");
      return { state: swap(context.state, event.cause, context.now().wall), breaks: 0 };
    }),
    failRun: assign(({ context, event }) => {
      assertEvent(event, "refresh.failed");
      return { state: failRun(context.state, event.faults) };
    }),
    showSlowRun: assign(({ context, event }) => {
      assertEvent(event, "refresh.slow");
      return { state: showSlowRun(context.state, event.faults, context.now().wall - SLOW_REFRESH_MS) };
    }),
    abandonRun: assign({ state: ({ context }) => abandonRun(context.state) }),
    applyChanges: assign(({ context, event }) => {
      assertEvent(event, "nodes.changed");
      return { state: applyChanges(context.state, event.changes) };
    }),
    applyMark: assign(({ context, event }) => {
      assertEvent(event, "image.prepulled");
      return { state: applyMark(context.state, event.digest, event.node, event.markedAt) };
    }),
    announceChanges: assign({ state: ({ context }) => announce(context.state, "NODES_CHANGED") }),
    forgetGrowth: assign({ state: ({ context }) => ({ ...context.state, missingGrown: false }) }),
    setWatchFault: assign(({ context, event }) => ({
      state: setWatchFault(context.state, event.type === "watch.failed" ? event.error : null),
    })),
    openGates: enqueueActions(({ context, enqueue }) => {
      const opening = context.state.lastOpening;
      if (opening === null) return;
      for (const gate of context.gates.values()) enqueue.sendTo(gate, { type: "gate.opened", ...opening });
      enqueue.emit({ type: "gates.opened", cause: opening.cause });
    }),
    tellSnapshot: enqueueActions(({ context, enqueue }) => {
      const { snapshot } = context.state;
      if (snapshot !== null) enqueue.emit({ type: "snapshot.replaced", snapshot });
    }),
    passWork: enqueueActions(({ context, enqueue }) => {
      const { snapshot } = context.state;
      const work = snapshot === null ? context.work : workOf(snapshot, context.work);
      if (work === context.work) return;
      enqueue.assign({ work });
      enqueue.raise({ type: "work.changed", work });
    }),
    passToPrepuller: sendTo("prepuller", ({ event }) => event),
    leaveOrphans: enqueueActions(({ self, enqueue }) =>
      leaveOrphans(self.getSnapshot().children["prepuller"], enqueue),
    ),
    tellPrepull: emit(({ event }) => {
      assertEvent(event, "prepull.told");
      return event;
    }),
    tellNodeBroken: emit(({ event }) => {
      assertEvent(event, "node.broke");
      const error = new Error(`the work on node ${event.node} broke`, { cause: event.error });
      return { type: "actor.broke", actor: "nodePrepull", error };
    }),
    tellAbandoned: emit({ type: "prepull.told", news: { type: "work.abandoned" } }),
    countPrepullerBreak: assign({ prepullerBreaks: ({ context }) => context.prepullerBreaks + 1 }),
    tellSettled: emit(({ context, event }) => ({
      type: "refresh.settled",
      run: context.state.startedRuns,
      cause: "cause" in event ? event.cause : null,
      faults: event.type === "refresh.failed" ? event.faults : NO_FAULTS,
      error: settledError(event),
    })),
    tellBroken: emit(({ event }) => ({
      type: "actor.broke",
      actor: event.type.replace("xstate.error.actor.", ""),
      error: "error" in event ? event.error : null,
    })),
    countBreak: assign({ breaks: ({ context }) => context.breaks + 1 }),
    rememberDemand: assign(({ event }) => {
      assertEvent(event, "refresh.requested");
      return { firstCause: event.cause };
    }),
    passDemand: sendTo("refresh", ({ event }) => event),
    evictIdleGate: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "gate.attached");
      if (context.gates.has(event.gate) || context.gates.size < MOST_GATES) return;
      const idle = idleGate(context.gates);
      if (idle === null) return;
      enqueue.stopChild(`gate:${idle}`);
      enqueue.assign({ gates: withoutGate(context.gates, idle) });
    }),
    dropGate: enqueueActions(({ context, enqueue }, { name }: { name: string }) => {
      enqueue.stopChild(`gate:${name}`);
      enqueue.assign({ gates: withoutGate(context.gates, name) });
    }),
    makeGate: assign(({ context, event, spawn }) => {
      assertEvent(event, "gate.attached");
      const input = { name: event.gate, lastOpening: context.state.lastOpening };
      const gates = new Map(context.gates);
      const ref = gates.get(event.gate) ?? spawn("waitGate", { id: `gate:${event.gate}`, input });
      gates.delete(event.gate);
      return { gates: gates.set(event.gate, ref) };
    }),
    attachCaller: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "gate.attached");
      const { caller, holder, resumeAfter } = event;
      const ref = context.gates.get(event.gate);
      if (ref !== undefined) enqueue.sendTo(ref, { type: "caller.attached", caller, holder, resumeAfter });
    }),
    passReady: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "gate.ready");
      const ref = context.gates.get(event.gate);
      if (ref !== undefined) enqueue.sendTo(ref, { type: "caller.ready", caller: event.caller });
    }),
    passDetached: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "gate.detached");
      const ref = context.gates.get(event.gate);
      if (ref !== undefined) enqueue.sendTo(ref, { type: "caller.detached", caller: event.caller });
    }),
    refuseCaller: (_, _params: { caller: number }) => undefined,
    endCallersOf: (_, _params: { gate: string }) => undefined,
  },
  guards: {
    hasRoomForGate: ({ context, event }) => {
      assertEvent(event, "gate.attached");
      const { gates } = context;
      return gates.has(event.gate) || gates.size < MOST_GATES || idleGate(gates) !== null;
    },
    isThatNode: ({ context, event }) => {
      assertEvent(event, "image.prepulled");
      return event.uid === undefined || nodeNamed(context.state.table, event.node)?.report.uid === event.uid;
    },
    hasGrownMissing: ({ context }) => context.state.missingGrown,
    isGate: ({ event }) => event.type.startsWith("xstate.error.actor.gate:"),
  },
  delays: {
    settlingTime: SETTLING_TIME,
    restartDelay: ({ context }) => restartDelay(context.breaks, context.random()),
    prepullerRestartDelay: ({ context }) => restartDelay(context.prepullerBreaks, context.random()),
  },
}).createMachine({
  id: "coordinator",
  context: ({ input: { settings, rules, prepuller, now, random } }) => ({
    prepuller,
    now,
    random,
    state: initialImageState(settings, emptyNodeTable(rules)),
    gates: new Map(),
    work: NO_WORK,
    breaks: 0,
    prepullerBreaks: 0,
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
            input: ({ context }) => ({
              interval: context.state.settings.images.refreshInterval,
              random: context.random,
              firstCause: context.firstCause,
            }),
            onError: {
              target: "broken",
              actions: ["tellBroken", "abandonRun", "passWork", "tellSnapshot", "tellSettled", "countBreak"],
            },
          },
          on: {
            "refresh.requested": { actions: "passDemand" },
            "refresh.started": { actions: ["beginRun", "tellStarted"] },
            "refresh.slow": { actions: "showSlowRun" },
            "nodes.paged": { actions: "addPage" },
            "nodes.restarted": { actions: "dropPages" },
            "nodes.listed": { actions: "closePages" },
            "images.listed": { actions: "addCatalog" },
            "refresh.completed": { actions: ["swap", "passWork", "tellSnapshot", "openGates", "tellSettled"] },
            "refresh.failed": { actions: ["failRun", "passWork", "tellSnapshot", "tellSettled"] },
          },
        },
        broken: {
          after: { restartDelay: "running" },
          on: { "refresh.requested": { actions: "rememberDemand" } },
        },
      },
    },
    following: {
      initial: "quiet",
      on: {
        "nodes.changed": { actions: ["applyChanges", "passWork", "tellSnapshot"] },
        "image.prepulled": { guard: "isThatNode", actions: ["applyMark", "passWork", "tellSnapshot"] },
        "watch.failed": { actions: "setWatchFault" },
        "watch.recovered": { actions: "setWatchFault" },
      },
      states: {
        quiet: { always: { guard: "hasGrownMissing", target: "settling" } },
        settling: {
          on: { "refresh.completed": { target: "quiet", actions: "forgetGrowth" } },
          after: { settlingTime: { target: "quiet", actions: ["announceChanges", "openGates"] } },
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
              actions: ["tellBroken", "leaveOrphans", "tellAbandoned", "countPrepullerBreak"],
            },
          },
          on: {
            "work.changed": { actions: "passToPrepuller" },
            "pull.reported": { actions: "passToPrepuller" },
            "prepull.told": { actions: "tellPrepull" },
            "node.broke": { actions: "tellNodeBroken" },
          },
        },
        broken: { after: { prepullerRestartDelay: "running" } },
      },
    },
    gating: {
      on: {
        "gate.attached": [
          { guard: "hasRoomForGate", actions: ["evictIdleGate", "makeGate", "attachCaller"] },
          { actions: { type: "refuseCaller", params: ({ event }) => ({ caller: event.caller }) } },
        ],
        "gate.ready": { actions: "passReady" },
        "gate.detached": { actions: "passDetached" },
        "xstate.error.actor.*": {
          guard: "isGate",
          actions: [
            "tellBroken",
            { type: "endCallersOf", params: ({ event }) => ({ gate: gateOf(event.type) }) },
            { type: "dropGate", params: ({ event }) => ({ name: gateOf(event.type) }) },
          ],
        },
      },
    },
  },
});

function settledError(event: CoordinatorEvent): Error | null {
  if (event.type === "refresh.failed") return errorOfFaults(event.faults);
  return event.type === "refresh.completed" ? null : new Error("the refresh cycle crashed", { cause: event });
}

function gateOf(type: string): string {
  return type.replace("xstate.error.actor.gate:", "");
}

/** Milliseconds before an actor that has broken so many times is started anew. */
function restartDelay(breaks: number, random: number): number {
  return Math.min(FIRST_RESTART * 2 ** Math.min(breaks - 1, 16), LONGEST_RESTART) * (0.5 + random / 2);
}
