import { type AnyEventObject, assertEvent, assign, enqueueActions, fromCallback, fromPromise, setup } from "xstate";
import { createPolicy } from "../../domain/prepull/adaptive-policy.ts";
import { type PrepullWork, wantedPairs } from "../../domain/prepull/prepull-work.ts";
import type { PullOrder, Times } from "../../domain/prepull/pull.ts";
import { backoffDelayMs } from "../../lib/backoff.ts";
import { hasLeftPulls } from "./left-nodes.ts";
import {
  initialPrepullState,
  type PrepullCommand,
  type PrepullerSettings,
  type PrepullState,
} from "./prepull-state.ts";
import type {
  PrepullerEvent,
  PrepullerNews,
  PrepullerReport,
  PullRequest,
  Recovered,
  RecoverInput,
} from "./prepuller-events.ts";
import {
  activate,
  deactivate,
  type Happening,
  type Reconciled,
  type ReconcileInput,
  reconcile,
  recover,
  tidy,
} from "./reconcile.ts";
import { orderOf } from "./start-pulls.ts";

/** Milliseconds before the next step where one has left something over: others get a turn of the event loop. */
const NEXT_STEP_MS = 1;
/** Milliseconds before leftovers are looked for again after that failed; doubled with each further failure. */
const RECOVERY_BACKOFF = { initialMs: 1_000, maxMs: 30_000 };
/** A step is taken at least so often, ms. */
const MAX_WAIT_MS = 3_600_000;

/** What the prepuller is given when it starts. */
export interface PrepullerInput {
  readonly settings: PrepullerSettings;
  readonly work: PrepullWork;
  readonly now: () => Times;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** See `prepullerMachine`. */
export interface PrepullerContext extends PrepullerInput {
  readonly state: PrepullState;
  /** The other installation that the lease names. */
  readonly sharedWith: string | null;
  /** Times in a row that leftovers could not be recovered. */
  readonly recoveryFailures: number;
}

/**
 * The prepuller (docs/spec/prepuller.md): leadership, what was left over, and the work, which is data that the reconciler
 * steps at each event. It executes the commands that follow: one actor for each pull in progress. Built in, it works while
 * this replica leads, after what was left over has been seen to; with an outside prepuller it only follows the reports.
 * The effects `leadership`, `recover` and `pull` are provided from outside. An actor `pull` that is stopped leaves its pull
 * as it is.
 */
export const prepullerMachine = setup({
  types: { context: {} as PrepullerContext, input: {} as PrepullerInput, events: {} as PrepullerEvent },
  actors: {
    leadership: fromCallback<AnyEventObject>(notProvided),
    recover: fromPromise<Recovered, RecoverInput>(notProvided),
    pull: fromCallback<PullRequest, PullOrder>(notProvided),
  },
  actions: {
    takeWork: assign(({ event }) => {
      assertEvent(event, "work.changed");
      return { work: event.work };
    }),
    activate: enqueueActions(({ context, enqueue }) =>
      execute(activate(context.state, inputOf(context)), enqueue, context),
    ),
    deactivate: enqueueActions(({ context, enqueue }) =>
      execute(deactivate(context.state, inputOf(context)), enqueue, context),
    ),
    reconcile: enqueueActions(({ context, event, enqueue }) =>
      execute(reconcile(context.state, inputOf(context), happeningOf(event)), enqueue, context),
    ),
    tidy: enqueueActions(({ context, enqueue }) => execute(tidy(context.state, inputOf(context)), enqueue, context)),
    takeShared: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, "lease.shared");
      enqueue.assign({ sharedWith: event.instance });
      enqueue.sendParent(reported(event));
    }),
    report: enqueueActions(({ enqueue }, news: PrepullerNews) => enqueue.sendParent(reported(news))),
    takeRecovered: enqueueActions(({ context, enqueue }, { ended, inProgress, refusal }: Recovered) => {
      for (const { node, nodeUid: uid, digest } of ended) {
        const mark = { type: "image.prepulled" as const, digest, node, uid, markedAt: context.now().monotonic };
        enqueue.sendParent(mark);
      }
      enqueue.sendParent(reported({ type: "leftovers.recovered", pulls: ended.length }));
      enqueue.assign({ recoveryFailures: 0 });
      execute(recover(context.state, inputOf(context), { inProgress, refusal }), enqueue, context);
    }),
    countRecoveryFailure: assign({ recoveryFailures: ({ context }) => context.recoveryFailures + 1 }),
  },
  guards: {
    isOutside: ({ context }) => context.settings.mode === "outside",
    isPull: ({ event }) => isPullCrash(event),
    /** Other nodes have reported: what is to be done, and when, is as it was. */
    isOfNoConcern: ({ context, event }) => {
      assertEvent(event, "work.changed");
      return event.work.nodes === context.work.nodes && !hasLeftPulls(context.state, event.work);
    },
    hasWork: ({ context }) => context.work.table !== null,
  },
  delays: {
    sweepInterval: ({ context }) => context.settings.sweepInterval,
    recoveryRetry: ({ context: { recoveryFailures, random } }) =>
      backoffDelayMs(recoveryFailures, RECOVERY_BACKOFF, random()),
  },
}).createMachine({
  id: "prepuller",
  context: ({ input }) => ({ ...input, state: initialState(input), sharedWith: null, recoveryFailures: 0 }),
  invoke: { id: "leadership", src: "leadership" },
  initial: "starting",
  on: {
    "work.changed": { actions: "takeWork" },
    "lease.shared": { actions: "takeShared" },
  },
  states: {
    starting: { always: [{ guard: "isOutside", target: "active.working" }, { target: "following" }] },
    /** Another replica leads, or none. */
    following: {
      on: {
        "leadership.gained": {
          target: "active",
          actions: { type: "report", params: { type: "leadership.changed", leading: true } },
        },
      },
    },
    /** This replica leads, or only follows reports. */
    active: {
      initial: "learning",
      on: {
        "leadership.lost": {
          target: "following",
          actions: { type: "report", params: { type: "leadership.changed", leading: false } },
        },
      },
      states: {
        /** What is left over can be judged only against what is wanted. */
        learning: { always: { guard: "hasWork", target: "recovering" } },
        recovering: {
          invoke: {
            id: "recover",
            src: "recover",
            input: ({ context }) => ({ isWanted: wantedPairs(context.work), trial: trialOf(context) }),
            onDone: {
              target: "working",
              actions: { type: "takeRecovered", params: ({ event }) => event.output },
            },
            onError: {
              target: "recoveringLater",
              actions: [
                "countRecoveryFailure",
                { type: "report", params: ({ event }) => ({ type: "recovery.failed", error: event.error }) },
              ],
            },
          },
        },
        recoveringLater: { after: { recoveryRetry: "recovering" } },
        working: {
          entry: "activate",
          exit: "deactivate",
          on: {
            "work.changed": [{ guard: "isOfNoConcern", actions: "takeWork" }, { actions: ["takeWork", "reconcile"] }],
            "pull.*": { actions: "reconcile" },
            "prepull.reported": { guard: "isOutside", actions: "reconcile" },
            "time.passed": { actions: "reconcile" },
            "xstate.error.actor.*": { guard: "isPull", actions: "reconcile" },
          },
          initial: "steady",
          states: {
            steady: { after: { sweepInterval: "sweeping" } },
            /** What could not be removed in its time is found again. */
            sweeping: {
              entry: "tidy",
              invoke: {
                id: "sweep",
                src: "recover",
                input: ({ context }) => ({ isWanted: wantedPairs(context.work), trial: null }),
                onDone: {
                  target: "steady",
                  actions: { type: "takeRecovered", params: ({ event }) => event.output },
                },
                onError: {
                  target: "steady",
                  actions: { type: "report", params: ({ event }) => ({ type: "recovery.failed", error: event.error }) },
                },
              },
            },
          },
        },
      },
    },
  },
});

/** The part of xstate's `enqueue` that commands use. */
interface Enqueue {
  assign(change: Partial<PrepullerContext>): void;
  spawnChild(actor: "pull", options: { readonly id: string; readonly input: PullOrder }): void;
  stopChild(id: string): void;
  sendTo(id: string, event: PullRequest): void;
  sendParent(report: PrepullerReport): void;
  raise(event: { readonly type: "time.passed" }, options: { readonly id: string; readonly delay: number }): void;
  cancel(id: string): void;
}

const WAKE = "wake";
const PULL_ACTOR = "pull:";
const PULL_CRASH = `xstate.error.actor.${PULL_ACTOR}`;

/** Does what follows from a step, and sees to the next one. */
function execute({ state, commands, nextAt }: Reconciled, enqueue: Enqueue, context: PrepullerContext): void {
  const { now } = context;
  enqueue.assign({ state });
  for (const command of commands) carryOut(command, enqueue);
  reportSlots(context.state, state, now().monotonic, enqueue);
  enqueue.cancel(WAKE);
  if (nextAt === null) return;
  const delay = Math.min(Math.max(nextAt - now().monotonic, NEXT_STEP_MS), MAX_WAIT_MS);
  enqueue.raise({ type: "time.passed" }, { id: WAKE, delay });
}

function reportSlots({ policy: before }: PrepullState, { policy }: PrepullState, now: number, enqueue: Enqueue): void {
  const { slotsInUse: inUse, lentPulls: lent } = policy;
  const limit = policy.limit(now);
  if (limit === before.limit(now) && inUse === before.slotsInUse && lent === before.lentPulls) return;
  enqueue.sendParent(reported({ type: "slots.changed", limit, inUse, lent }));
}

function carryOut(command: PrepullCommand, enqueue: Enqueue): void {
  if (command.type === "report") enqueue.sendParent(command.report);
  else {
    const id = PULL_ACTOR + command.key;
    if (command.type === "start") enqueue.spawnChild("pull", { id, input: command.order });
    else if (command.type === "send") enqueue.sendTo(id, command.request);
    else enqueue.stopChild(id);
  }
}

function happeningOf(event: PrepullerEvent): Happening | null {
  switch (event.type) {
    case "pull.accepted":
    case "pull.succeeded":
    case "pull.failed":
    case "pull.withdrawn":
    case "pull.stalled":
    case "prepull.reported":
      return event;
    default:
      return "error" in event && isPullCrash(event)
        ? { type: "pull.crashed", key: event.type.slice(PULL_CRASH.length), error: event.error }
        : null;
  }
}

function isPullCrash({ type }: { readonly type: string }): boolean {
  return type.startsWith(PULL_CRASH);
}

function inputOf({ work, now, random }: PrepullerContext): ReconcileInput {
  return { desired: work, now: now(), random };
}

function initialState({ settings }: PrepullerInput): PrepullState {
  const { maxConcurrentPulls, isAdaptive, pullTimeout, backoff } = settings;
  return initialPrepullState(settings, createPolicy({ maxConcurrentPulls, isAdaptive, pullTimeout, backoff }));
}

/** The first pull there is, for a dry run; null where nothing is to be pulled. */
function trialOf({ work, settings }: PrepullerContext): PullOrder | null {
  for (const { node, uid, targets } of work.nodes) {
    const [target] = targets;
    if (target === undefined) continue;
    const { digest, reference } = target;
    return orderOf(settings, { node, nodeUid: uid, digest, reference });
  }
  return null;
}

function reported(news: PrepullerNews): PrepullerReport {
  return { type: "prepuller.emitted", news };
}

function notProvided(): never {
  throw new Error("the effects of the prepuller have to be provided");
}
