import { type ActorRefFrom, assertEvent, assign, emit, enqueueActions, sendTo, setup } from "xstate";
import type { NodeRules } from "../domain/node-record.ts";
import { emptyNodeTable } from "../domain/node-table.ts";
import type { Snapshot } from "../domain/snapshot.ts";
import type { NodeChange, RefreshCause } from "../ports.ts";
import {
  abandonRun,
  addCatalog,
  addPage,
  announce,
  applyChanges,
  applyMark,
  beginRun,
  type CoordinatorSettings,
  closePages,
  dropPages,
  failRun,
  type ImageState,
  initialImageState,
  setWatchFault,
  swap,
} from "./image-state.ts";
import { type RefreshPart, type RefreshReport, type RefreshRequested, refreshMachine } from "./refresh.ts";
import { waitGateMachine } from "./wait-gate.ts";

/** How many gates there may be (behaviour.md section 7). */
export const MOST_GATES = 16;
/** Milliseconds that changes of nodes are gathered before the gates open for them. */
const SETTLING_TIME = 250;
/** Milliseconds before a refresh cycle that has broken is started anew; doubled with each further time. */
const FIRST_RESTART = 500;
const LONGEST_RESTART = 30_000;

/** What the coordinator is told or asked. */
export type CoordinatorEvent =
  | RefreshRequested
  | RefreshPart
  | RefreshReport
  | { readonly type: "nodes.changed"; readonly changes: readonly NodeChange[] }
  | { readonly type: "watch.failed"; readonly error: Error }
  | { readonly type: "watch.recovered" }
  | { readonly type: "image.prepulled"; readonly digest: string; readonly node: string; readonly markedAt: number }
  | {
      readonly type: "gate.attached";
      readonly gate: string;
      readonly caller: number;
      readonly holder: string;
      readonly resumeAfter: number | null | undefined;
    }
  | { readonly type: "gate.ready"; readonly gate: string; readonly caller: number }
  | { readonly type: "gate.detached"; readonly gate: string; readonly caller: number }
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown };

/** What the coordinator tells whoever listens. */
export type CoordinatorNews =
  | { readonly type: "refresh.started" }
  /** A refresh has ended; `error` is null where it succeeded, and no LabImagesError where the actor broke. */
  | {
      readonly type: "refresh.settled";
      readonly run: number;
      readonly cause: RefreshCause | null;
      readonly error: Error | null;
    }
  | { readonly type: "snapshot.replaced"; readonly snapshot: Snapshot }
  | { readonly type: "gates.opened"; readonly cause: RefreshCause }
  | { readonly type: "actor.broke"; readonly actor: string; readonly error: unknown };

/** What the coordinator is given when it starts. */
export interface CoordinatorInput {
  readonly settings: CoordinatorSettings;
  readonly rules: NodeRules;
  /** Milliseconds since the epoch. */
  readonly wallTime: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type GateRef = ActorRefFrom<typeof waitGateMachine>;

interface CoordinatorContext extends Pick<CoordinatorInput, "wallTime" | "random"> {
  readonly state: ImageState;
  /** By name, in the order in which they were last attached to. */
  readonly gates: ReadonlyMap<string, GateRef>;
  /** Times in a row that the refresh cycle broke. */
  readonly breaks: number;
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
  actors: { refresh: refreshMachine, waitGate: waitGateMachine },
  actions: {
    tellStarted: emit({ type: "refresh.started" }),
    beginRun: assign({ state: ({ context }) => beginRun(context.state) }),
    addPage: assign(({ context, event }) => {
      assertEvent(event, "nodes.paged");
      return { state: addPage(context.state, event.page) };
    }),
    dropPages: assign({ state: ({ context }) => dropPages(context.state) }),
    closePages: assign({ state: ({ context }) => closePages(context.state, context.wallTime()) }),
    addCatalog: assign(({ context, event }) => {
      assertEvent(event, "images.listed");
      return { state: addCatalog(context.state, event.catalog, context.wallTime()) };
    }),
    swap: assign(({ context, event }) => {
      assertEvent(event, "refresh.completed");
      return { state: swap(context.state, event.cause, context.wallTime()), breaks: 0 };
    }),
    failRun: assign(({ context, event }) => {
      assertEvent(event, "refresh.failed");
      return { state: failRun(context.state, event.faults) };
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
    tellSettled: emit(({ context, event }) => ({
      type: "refresh.settled",
      run: context.state.startedRuns,
      cause: "cause" in event ? event.cause : null,
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
      enqueue.assign({ gates: without(context.gates, idle) });
    }),
    dropGate: enqueueActions(({ context, enqueue }, { name }: { name: string }) => {
      enqueue.stopChild(`gate:${name}`);
      enqueue.assign({ gates: without(context.gates, name) });
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
    hasGrownMissing: ({ context }) => context.state.missingGrown,
    isGate: ({ event }) => event.type.startsWith("xstate.error.actor.gate:"),
  },
  delays: {
    settlingTime: SETTLING_TIME,
    restartDelay: ({ context }) =>
      Math.min(FIRST_RESTART * 2 ** Math.min(context.breaks - 1, 16), LONGEST_RESTART) * (0.5 + context.random() / 2),
  },
}).createMachine({
  id: "coordinator",
  context: ({ input: { settings, rules, wallTime, random } }) => ({
    wallTime,
    random,
    state: initialImageState(settings, emptyNodeTable(rules)),
    gates: new Map(),
    breaks: 0,
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
              actions: ["tellBroken", "abandonRun", "tellSnapshot", "tellSettled", "countBreak"],
            },
          },
          on: {
            "refresh.requested": { actions: "passDemand" },
            "refresh.started": { actions: ["beginRun", "tellStarted"] },
            "nodes.paged": { actions: "addPage" },
            "nodes.restarted": { actions: "dropPages" },
            "nodes.listed": { actions: "closePages" },
            "images.listed": { actions: "addCatalog" },
            "refresh.completed": { actions: ["swap", "tellSnapshot", "openGates", "tellSettled"] },
            "refresh.failed": { actions: ["failRun", "tellSnapshot", "tellSettled"] },
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
        "nodes.changed": { actions: ["applyChanges", "tellSnapshot"] },
        "image.prepulled": { actions: ["applyMark", "tellSnapshot"] },
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
  if (event.type === "refresh.failed") return event.faults.kubernetes ?? event.faults.registry;
  return event.type === "refresh.completed" ? null : new Error("the refresh cycle broke", { cause: event });
}

function gateOf(type: string): string {
  return type.replace("xstate.error.actor.gate:", "");
}

function without(gates: ReadonlyMap<string, GateRef>, name: string): ReadonlyMap<string, GateRef> {
  return new Map([...gates].filter(([other]) => other !== name));
}

function idleGate(gates: ReadonlyMap<string, GateRef>): string | null {
  for (const [name, ref] of gates) if (ref.getSnapshot().matches("free")) return name;
  return null;
}
