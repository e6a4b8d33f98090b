import { type AnyEventObject, assertEvent, assign, fromCallback, sendTo, setup } from "xstate";
import { LabImagesError } from "../domain/errors.ts";
import type { Catalog } from "../domain/images/catalog.ts";
import { backoffDelayMs } from "../lib/backoff.ts";
import type { NodePage, RefreshCause } from "../ports.ts";
import type { ParentRef } from "./parent.ts";

/** The parts of the next snapshot, as the effects of a refresh bring them. */
export type RefreshPart =
  | { readonly type: "nodes.paged"; readonly page: NodePage }
  /** The list of nodes had to start over: the pages so far are void. */
  | { readonly type: "nodes.restarted" }
  | { readonly type: "nodes.listed" }
  /** Each source that was to be listed has answered or failed, and not all have failed. */
  | { readonly type: "images.listed"; readonly catalogs: readonly Catalog[]; readonly failed: readonly SourceFault[] };

const PARTS = ["nodes.paged", "nodes.restarted", "nodes.listed", "images.listed"] as const;

/** A source of images has failed. */
export interface SourceFault {
  /** Its name. */
  readonly source: string;
  readonly error: LabImagesError;
}

/** Every source of images has failed: the reason is that of the first. */
export class SourcesFailedError extends LabImagesError {
  readonly failed: readonly SourceFault[];

  /** `failed` has at least one entry. */
  constructor(failed: readonly SourceFault[]) {
    const [first] = failed;
    if (first === undefined) throw new TypeError("no source has failed");
    const { reason, metadata } = first.error;
    const errors = new AggregateError(failed.map(({ error }) => error));
    super(reason, describeSourceFaults(failed), metadata, errors);
    this.failed = failed;
  }
}

/** Which sources have failed, and why. */
export function describeSourceFaults(failed: readonly SourceFault[]): string {
  return failed.map(({ source, error }) => `${source}: ${error.message}`).join("; ");
}

/** An effect could not do its work. */
export type RefreshFault =
  | { readonly type: "nodes.failed"; readonly error: LabImagesError }
  | { readonly type: "images.failed"; readonly error: LabImagesError };

/** Demands a refresh that starts from now on: one that is under way does not count (docs/spec/refresh.md). */
export interface RefreshRequested {
  readonly type: "refresh.requested";
  readonly cause: RefreshCause;
}

/** What the effects of a refresh are given. */
export interface ListInput {
  /** Why the refresh was started: a scheduled one lists the sources that are due. */
  readonly cause: RefreshCause;
}

/** What the refresh cycle reports to its parent, besides passing the parts on. */
export type RefreshReport =
  | { readonly type: "refresh.started" }
  /** It has been running for SLOW_REFRESH_MS, and these faults have shown so far. */
  | { readonly type: "refresh.slow"; readonly faults: RefreshFaults }
  | { readonly type: "refresh.completed"; readonly cause: RefreshCause }
  | { readonly type: "refresh.failed"; readonly cause: RefreshCause; readonly faults: RefreshFaults };

/** What went wrong in one refresh: at least one of the two. */
export interface RefreshFaults {
  readonly registry: LabImagesError | null;
  readonly kubernetes: LabImagesError | null;
}

/** Input of the refresh cycle. */
export interface RefreshInput {
  readonly parent: ParentRef<RefreshReport | RefreshPart>;
  /** Milliseconds between the end of a refresh and the next one. */
  readonly interval: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly firstCause: RefreshCause;
}

interface RefreshContext extends RefreshInput {
  /** Why the refresh that is under way was started. */
  readonly cause: RefreshCause;
  /** Why the next one is to start at once, or null. */
  readonly nextCause: RefreshCause | null;
  /** Refreshes that have failed in a row. */
  readonly failures: number;
  readonly faults: RefreshFaults;
  /** Whether some sources of images have failed, and others have not. */
  readonly isPartial: boolean;
}

/** Of a refresh in which nothing went wrong. */
export const NO_FAULTS: RefreshFaults = { registry: null, kubernetes: null };

/** What went wrong in words, each source with its own reason; empty where nothing did. */
export function describeFaults({ registry, kubernetes }: Readonly<Record<keyof RefreshFaults, Error | null>>): string {
  const named = Object.entries({ registry, kubernetes }).flatMap(([name, fault]) =>
    fault === null ? [] : [`${name}: ${fault.message}`],
  );
  return named.join("; ");
}

/** What whoever demanded the refresh gets: the one fault, or one error that names both sources; null where nothing failed. */
export function errorOfFaults(faults: RefreshFaults): LabImagesError | null {
  const { registry, kubernetes } = faults;
  if (registry === null || kubernetes === null) return kubernetes ?? registry;
  const cause = new AggregateError([registry, kubernetes]);
  return new LabImagesError(kubernetes.reason, describeFaults(faults), kubernetes.metadata, cause);
}

/** A refresh that takes longer is shown as under way: a registry that hangs is not seen otherwise before its deadline. */
export const SLOW_REFRESH_MS = 5_000;

/** Delays after failures; the longest lets the end of a fault be noticed within a minute. */
const BACKOFF = { initialMs: 800, maxMs: 30_000 };

/** Delay in ms after `failures` failures in a row: never over the interval. */
export function backoffAfter(failures: number, interval: number, random: number): number {
  return backoffDelayMs(failures, { ...BACKOFF, maxMs: Math.min(BACKOFF.maxMs, interval) }, random);
}

/**
 * The refresh cycle: at start, then every interval, and on demand. One refresh runs at a time; it lists nodes and
 * images at the same time, and has failed where either has; the other one is brought to its end, since nodes that have
 * been listed are worth having without a registry too. A demand during a refresh starts another one right after.
 * The effects `listNodes` and `listImages` are provided from outside; they report failures as events, and a throw
 * is a defect that ends the actor, for its parent to start again.
 */
export const refreshMachine = setup({
  types: {
    context: {} as RefreshContext,
    input: {} as RefreshInput,
    events: {} as RefreshRequested | RefreshPart | RefreshFault,
  },
  actors: {
    listNodes: fromCallback<AnyEventObject, ListInput>(notProvided),
    listImages: fromCallback<AnyEventObject, ListInput>(notProvided),
  },
  actions: {
    passOn: sendTo(
      ({ context }) => context.parent,
      ({ event }) => {
        assertEvent(event, PARTS);
        return event;
      },
    ),
    begin: assign({ nextCause: null, faults: NO_FAULTS, isPartial: false }),
    noteNodesFault: assign(({ context, event }) => {
      assertEvent(event, "nodes.failed");
      return { faults: { ...context.faults, kubernetes: event.error } };
    }),
    notePartialFault: assign(({ event }) => {
      assertEvent(event, "images.listed");
      return { isPartial: event.failed.length > 0 };
    }),
    noteImagesFault: assign(({ context, event }) => {
      assertEvent(event, "images.failed");
      return { faults: { ...context.faults, registry: event.error } };
    }),
    reportStart: sendTo(({ context }) => context.parent, { type: "refresh.started" }),
    reportSlow: sendTo(
      ({ context }) => context.parent,
      ({ context }) => ({ type: "refresh.slow" as const, faults: context.faults }),
    ),
    reportCompletion: sendTo(
      ({ context }) => context.parent,
      ({ context }) => ({ type: "refresh.completed" as const, cause: context.cause }),
    ),
    reportFailure: sendTo(
      ({ context }) => context.parent,
      ({ context }) => ({ type: "refresh.failed" as const, cause: context.cause, faults: context.faults }),
    ),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgetFailures: assign({ failures: 0 }),
    rememberDemand: assign(({ context, event }) => {
      assertEvent(event, "refresh.requested");
      return { nextCause: context.nextCause ?? event.cause };
    }),
    takeDemand: assign({
      cause: ({ context, event }) => ("cause" in event ? event.cause : (context.nextCause ?? context.cause)),
    }),
    takeSchedule: assign({ cause: "SCHEDULED" }),
  },
  guards: {
    isPartial: ({ context }) => context.isPartial,
    isDemanded: ({ context }) => context.nextCause !== null,
    isFaultless: ({ context }) => context.faults.registry === null && context.faults.kubernetes === null,
  },
  delays: {
    slow: SLOW_REFRESH_MS,
    interval: ({ context }) => context.interval,
    backoff: ({ context }) => backoffAfter(context.failures, context.interval, context.random()),
  },
}).createMachine({
  id: "refresh",
  context: ({ input }) => ({
    ...input,
    cause: input.firstCause,
    nextCause: null,
    failures: 0,
    faults: NO_FAULTS,
    isPartial: false,
  }),
  initial: "refreshing",
  states: {
    refreshing: {
      entry: ["begin", "reportStart"],
      type: "parallel",
      states: {
        nodes: {
          initial: "listing",
          states: {
            listing: {
              invoke: { id: "listNodes", src: "listNodes", input: ({ context }) => ({ cause: context.cause }) },
              on: {
                "nodes.paged": { actions: "passOn" },
                "nodes.restarted": { actions: "passOn" },
                "nodes.listed": { target: "settled", actions: "passOn" },
                "nodes.failed": { target: "settled", actions: "noteNodesFault" },
              },
            },
            settled: { type: "final" },
          },
        },
        images: {
          initial: "listing",
          states: {
            listing: {
              invoke: { id: "listImages", src: "listImages", input: ({ context }) => ({ cause: context.cause }) },
              on: {
                "images.listed": { target: "settled", actions: ["notePartialFault", "passOn"] },
                "images.failed": { target: "settled", actions: "noteImagesFault" },
              },
            },
            settled: { type: "final" },
          },
        },
      },
      after: { slow: { actions: "reportSlow" } },
      on: { "refresh.requested": { actions: "rememberDemand" } },
      onDone: [
        { guard: "isFaultless", target: "completed", actions: "reportCompletion" },
        { target: "failed", actions: "reportFailure" },
      ],
    },
    completed: {
      always: [
        { guard: "isPartial", target: "partlyFailed" },
        { guard: "isDemanded", target: "refreshing", actions: ["forgetFailures", "takeDemand"] },
        { target: "idle", actions: "forgetFailures" },
      ],
    },
    partlyFailed: {
      entry: "countFailure",
      always: [{ guard: "isDemanded", target: "refreshing", actions: "takeDemand" }, { target: "retrying" }],
    },
    /** The sources that have failed are due again soon; a scheduled refresh asks no others but those that are due, too. */
    retrying: {
      after: { backoff: { target: "refreshing", actions: "takeSchedule" } },
      on: { "refresh.requested": { target: "refreshing", actions: "takeDemand" } },
    },
    failed: {
      entry: "countFailure",
      always: [{ guard: "isDemanded", target: "refreshing", actions: "takeDemand" }, { target: "backingOff" }],
    },
    idle: {
      after: { interval: { target: "refreshing", actions: "takeSchedule" } },
      on: { "refresh.requested": { target: "refreshing", actions: "takeDemand" } },
    },
    backingOff: {
      after: { backoff: { target: "refreshing" } },
      on: { "refresh.requested": { target: "refreshing", actions: "takeDemand" } },
    },
  },
});

function notProvided(): never {
  throw new Error("the effects of the refresh cycle have to be provided");
}
