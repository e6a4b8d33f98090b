import { assertEvent, assign, setup } from "xstate";
import type { Times } from "../../domain/prepull/pull.ts";
import type { PrepullReport } from "../../ports.ts";
import {
  adopt,
  changeWork,
  exclude,
  fail,
  leave,
  type NodeWorkContext,
  type PullFailed,
  release,
  stall,
  start,
  succeed,
  takeReport,
  type WorkChange,
} from "./node-work.ts";

/** Which node it is. */
export interface NodePrepullInput extends Pick<NodeWorkContext, "node" | "uid" | "tieBreaker"> {
  readonly now: Times;
}

/** What happens to one node's work. Each event carries its time: the chart has no clock. */
export type NodePrepullEvent =
  | ({ readonly type: "work.changed" } & WorkChange)
  /** Nothing may be pulled to it any longer; `present` as in WorkChange. */
  | { readonly type: "node.excluded"; readonly comment: string; readonly present: readonly string[] }
  | { readonly type: "node.left" }
  | { readonly type: "pull.started"; readonly digest: string; readonly now: Times }
  | { readonly type: "pull.succeeded"; readonly digest: string; readonly now: Times }
  | ({ readonly type: "pull.stalled"; readonly isAbandoned: boolean } & PullFailed)
  | ({ readonly type: "pull.failed" } & PullFailed)
  | { readonly type: "pull.adopted"; readonly digest: string; readonly reference: string; readonly now: Times }
  | { readonly type: "pull.withdrawn" | "pull.detached"; readonly digest: string; readonly now: Times }
  | { readonly type: "pull.reported"; readonly report: PrepullReport; readonly now: Times };

/**
 * How far the work on one node has come (docs/spec/prepuller.md): its missing images one at a time. It runs as data: the
 * reconciler steps it by `transition()`, decides when a pull starts, and passes on what has `happened`. With an
 * outside prepuller its reports move the same states; it may pull several images at once.
 */
export const nodePrepullMachine = setup({
  types: {
    context: {} as NodeWorkContext,
    input: {} as NodePrepullInput,
    events: {} as NodePrepullEvent,
  },
  actions: {
    changeWork: assign(({ context, event }) => {
      assertEvent(event, "work.changed");
      return changeWork(context, event);
    }),
    exclude: assign(({ context, event }) => {
      assertEvent(event, "node.excluded");
      return exclude(context, event.present, event.comment);
    }),
    leave: assign(({ context }) => leave(context)),
    start: assign(({ context, event }) => {
      assertEvent(event, "pull.started");
      return start(context, event.digest, event.now);
    }),
    succeed: assign(({ context, event }) => {
      assertEvent(event, "pull.succeeded");
      return succeed(context, event.digest, event.now);
    }),
    stall: assign(({ context, event }) => {
      assertEvent(event, "pull.stalled");
      return stall(context, event);
    }),
    adopt: assign(({ context, event }) => {
      assertEvent(event, "pull.adopted");
      return adopt(context, event);
    }),
    fail: assign(({ context, event }) => {
      assertEvent(event, "pull.failed");
      return fail(context, event);
    }),
    release: assign(({ context, event }) => {
      assertEvent(event, ["pull.withdrawn", "pull.detached"]);
      return release(context, event.digest, event.type, event.now);
    }),
    takeReport: assign(({ context, event }) => {
      assertEvent(event, "pull.reported");
      return takeReport(context, event.report, event.now);
    }),
  },
  guards: {
    isPulling: ({ context }) => context.pulls.some(({ phase }) => phase === "pulling"),
    isBusy: ({ context }) => context.pulls.length > 0,
    /** A new pod of the same image waits behind the pull as the old one did, and shows its end. */
    isAbandoned: ({ context, event }) => {
      assertEvent(event, "pull.started");
      return context.pulls.every(({ digest, phase }) => digest === event.digest && phase === "abandoned");
    },
    isExcluded: ({ context }) => context.isExcluded,
  },
}).createMachine({
  id: "nodePrepull",
  context: ({ input: { now, ...node } }) => ({
    ...node,
    targets: [],
    records: [],
    pulls: [],
    pulledAt: new Map(),
    isExcluded: false,
    turns: 0,
    freeSince: now.monotonic,
    joinedEmptyAt: 0,
    happened: [],
  }),
  initial: "choosing",
  on: {
    "work.changed": { target: ".choosing", actions: "changeWork" },
    "node.excluded": { target: ".choosing", actions: "exclude" },
    "node.left": { target: ".left", actions: "leave" },
    "pull.succeeded": { target: ".choosing", actions: "succeed" },
    "pull.stalled": { target: ".choosing", actions: "stall" },
    "pull.failed": { target: ".choosing", actions: "fail" },
    "pull.adopted": { target: ".choosing", actions: "adopt" },
    "pull.withdrawn": { target: ".choosing", actions: "release" },
    "pull.detached": { target: ".choosing", actions: "release" },
    "pull.reported": { target: ".choosing", actions: "takeReport" },
  },
  states: {
    choosing: {
      always: [
        { guard: "isPulling", target: "pulling" },
        { guard: "isBusy", target: "stalled" },
        { guard: "isExcluded", target: "excluded" },
        { target: "waiting" },
      ],
    },
    /** No pull keeps it busy: what is due may start. */
    waiting: { on: { "pull.started": { target: "choosing", actions: "start" } } },
    pulling: {},
    /** A pull was given up and goes on at the node: nothing else is started there. */
    stalled: { on: { "pull.started": { guard: "isAbandoned", target: "choosing", actions: "start" } } },
    excluded: {},
    left: { type: "final" },
  },
});
