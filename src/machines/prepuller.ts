import {
  type AnyEventObject,
  assertEvent,
  assign,
  enqueueActions,
  fromCallback,
  fromPromise,
  sendParent,
  setup,
} from "xstate";
import { overtake } from "../domain/prepull-queue.ts";
import { type PrepullTask, pullingTasks, THRASHING_REASON, taskOf } from "../domain/prepull-tasks.ts";
import { changedNodes, isOnNode, type PrepullWork, wantedPairs } from "../domain/prepull-work.ts";
import type { RecoveredPull } from "../domain/pull.ts";
import { classOfFailure, type PullFailureClass } from "../domain/pull-failure.ts";
import type { PrepullReport } from "../ports.ts";
import { type NodePrepullNews, nodePrepullMachine } from "./node-prepull.ts";
import {
  historiesOf,
  initialPrepuller,
  type NodeActor,
  type PrepullerContext,
  type PrepullerInput,
  planSync,
  rememberSuccess,
  rememberTasks,
  turnsToGive,
  withEnded,
  withoutTurn,
  withTurns,
} from "./prepuller-state.ts";

/** Milliseconds before the next slice of actors is started, told or stopped: others get a turn of the event loop. */
const NEXT_SLICE = 1;
/** Milliseconds before a node whose actor broke gets another one. */
const MENDING_TIME = 5_000;
/** Milliseconds before leftovers are looked for again after that failed; doubled with each further failure. */
const FIRST_RECOVERY_RETRY = 1_000;
const LONGEST_RECOVERY_RETRY = 30_000;

/** What the prepuller is told. */
export type PrepullerEvent =
  | NodePrepullNews
  | { readonly type: "work.changed"; readonly work: PrepullWork }
  | { readonly type: "pull.reported"; readonly report: PrepullReport }
  | { readonly type: "leadership.gained" }
  | { readonly type: "leadership.lost" }
  | { readonly type: "sync.continued" }
  | { readonly type: "node.mended"; readonly node: string }
  | { readonly type: `xstate.done.actor.${string}`; readonly output: unknown }
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown };

/** One pull, as the news tell of it. */
export interface PullNews {
  readonly node: string;
  readonly uid: string;
  readonly digest: string;
  readonly reference: string;
  /** Pulls of this image to this node started so far. */
  readonly attempts: number;
  /** When the pull started, milliseconds since the epoch. */
  readonly startTime: number | null;
}

/** What the prepuller tells whoever listens. */
export type PrepullNews =
  | ({ readonly type: "pull.started" } & PullNews)
  | ({ readonly type: "pull.succeeded" } & PullNews)
  | ({
      readonly type: "pull.failed";
      readonly reason: string;
      readonly message: string;
      readonly failureClass: PullFailureClass;
      readonly nextAttemptTime: number | null;
    } & PullNews)
  /** A pull was given up before its end. */
  | ({ readonly type: "pull.cancelled" } & PullNews)
  /** A pull that had failed is not wanted any more: whatever it failed of is no concern now. */
  | ({ readonly type: "failure.dropped" } & PullNews)
  | ({ readonly type: "image.thrashing"; readonly message: string } & PullNews)
  | { readonly type: "leadership.changed"; readonly leading: boolean }
  | { readonly type: "leftovers.recovered"; readonly pulls: number }
  | { readonly type: "recovery.failed"; readonly error: unknown }
  /** What is shown of the work has changed. */
  | { readonly type: "progress.changed" };

/** What the prepuller tells its parent: marks, and news. */
export type PrepullerReport =
  | {
      readonly type: "image.prepulled";
      readonly digest: string;
      readonly node: string;
      /** Only this very node is marked. */
      readonly uid: string;
      readonly markedAt: number;
    }
  | { readonly type: "prepull.told"; readonly news: PrepullNews }
  | { readonly type: "node.broke"; readonly node: string; readonly error: unknown };

/** What the effect `recover` is told. */
export interface RecoverInput {
  readonly isWanted: (uid: string, digest: string) => boolean;
}

/**
 * The prepuller (behaviour.md section 8): an actor for each node with work, turns among them, and what has to be
 * remembered beyond an actor's life. Built in, it works while this replica leads, after what was left over has been
 * seen to; with an outside prepuller it only follows the reports. The effects `leadership`, `recover` and
 * each node's `pull` are provided from outside.
 */
export const prepullerMachine = setup({
  types: { context: {} as PrepullerContext, input: {} as PrepullerInput, events: {} as PrepullerEvent },
  actors: {
    node: nodePrepullMachine,
    leadership: fromCallback<AnyEventObject>(notProvided),
    recover: fromPromise<readonly RecoveredPull[], RecoverInput>(notProvided),
  },
  actions: {
    takeWork: assign(({ context, event }) => {
      assertEvent(event, "work.changed");
      const changed = changedNodes(context.work, event.work);
      return { work: event.work, unsynced: ahead(context.unsynced, changed) };
    }),
    takeAllWork: assign({ unsynced: ({ context }) => [...context.work.nodes.keys()] }),
    look: assign(({ context, event }) => {
      const node = nodeOf(event);
      return node === null ? {} : { unsynced: ahead(context.unsynced, [node]) };
    }),
    sync: enqueueActions(({ context, enqueue }) => syncSlice(context, enqueue)),
    continueSync: enqueueActions(({ context, enqueue }) => {
      enqueue.cancel("sync");
      if (context.unsynced.length > 0) enqueue.raise({ type: "sync.continued" }, { delay: NEXT_SLICE, id: "sync" });
    }),
    giveTurns: enqueueActions(({ context, enqueue }) => {
      const actors = turnsToGive(context);
      if (actors.length === 0) return;
      enqueue.assign(withTurns(context, actors));
      for (const { ref } of actors) enqueue.sendTo(ref, { type: "pull.granted" });
    }),
    endTurn: assign(({ context, event }) => ("uid" in event ? { running: withoutTurn(context.running, event.uid) } : {})),
    takeSuccess: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "task.succeeded");
      const { node, uid, task } = event;
      enqueue.assign({
        running: overtake(context.running, uid),
        histories: rememberSuccess(context, uid, task.digest),
        ended: withEnded(context.ended, uid, node, task, "SUCCEEDED", ""),
      });
      tell(enqueue, { type: "pull.succeeded", ...pullNews(node, uid, task) });
      enqueue.sendParent(markOf(node, uid, task.digest, context));
    }),
    takeCancellation: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "task.cancelled");
      const { node, uid, task } = event;
      enqueue.assign({ ended: cancelled(context, node, uid, task, "the image is not missing any more") });
      tell(enqueue, { type: "pull.cancelled", ...pullNews(node, uid, task) });
    }),
    tellStart: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, "task.started");
      tell(enqueue, { type: "pull.started", ...pullNews(event.node, event.uid, event.task) });
    }),
    tellFailure: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, "task.failed");
      const { node, uid, task } = event;
      const { reason, message, nextAttemptTime } = task;
      const failureClass = classOfFailure(task);
      tell(enqueue, {
        type: "pull.failed",
        ...pullNews(node, uid, task),
        ...{ reason, message, failureClass, nextAttemptTime },
      });
    }),
    tellProgress: enqueueActions(({ enqueue }) => tell(enqueue, { type: "progress.changed" })),
    tellLeading: enqueueActions(({ enqueue }, { leading }: { leading: boolean }) =>
      tell(enqueue, { type: "leadership.changed", leading }),
    ),
    tellRecoveryFailure: enqueueActions(({ enqueue }, { error }: { error: unknown }) =>
      tell(enqueue, { type: "recovery.failed", error }),
    ),
    takeRecovered: enqueueActions(({ context, enqueue }, { pulls }: { pulls: readonly RecoveredPull[] }) => {
      for (const { node, nodeUid, digest } of pulls) enqueue.sendParent(markOf(node, nodeUid, digest, context));
      if (pulls.length > 0) tell(enqueue, { type: "leftovers.recovered", pulls: pulls.length });
      enqueue.assign({ recoveryFailures: 0 });
    }),
    countRecoveryFailure: assign({ recoveryFailures: ({ context }) => context.recoveryFailures + 1 }),
    passReport: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "pull.reported");
      const actor = context.actors.get(event.report.node);
      if (actor !== undefined) enqueue.sendTo(actor.ref, { type: "pull.reported", report: event.report });
    }),
    dropBroken: enqueueActions(({ context, event, enqueue }) => {
      const broken = actorOf(context, event.type);
      if (broken === null || !("error" in event)) return;
      const [node, { ref, uid }] = broken;
      leaveChildren(ref, enqueue);
      enqueue.stopChild(ref);
      const actors = new Map(context.actors);
      actors.delete(node);
      enqueue.assign({ actors, running: withoutTurn(context.running, uid) });
      enqueue.sendParent({ type: "node.broke", node, error: event.error });
      enqueue.raise({ type: "node.mended", node }, { delay: MENDING_TIME });
    }),
    tellBrokenPull: sendParent(({ event }) => {
      assertEvent(event, "pull.broke");
      return { type: "node.broke", node: event.node, error: event.error };
    }),
    dismissAll: enqueueActions(({ context, enqueue }) => {
      for (const [node, { ref, uid }] of context.actors) {
        dropWork(ref.getSnapshot().context.tasks, node, uid, enqueue);
        enqueue.stopChild(ref);
      }
      enqueue.cancel("sync");
      enqueue.assign({ actors: new Map(), running: new Map(), unsynced: [], histories: keepAll(context) });
    }),
  },
  guards: {
    isOutside: ({ context }) => context.settings.mode === "outside",
    hasWork: ({ context }) => context.work.table !== null,
    isCurrent: ({ context, event }) =>
      "node" in event && "uid" in event && context.actors.get(event.node)?.uid === event.uid,
    isNode: ({ context, event }) => actorOf(context, event.type) !== null,
  },
  delays: {
    sweepInterval: ({ context }) => context.settings.sweepInterval,
    recoveryRetry: ({ context: { recoveryFailures, random } }) =>
      Math.min(FIRST_RECOVERY_RETRY * 2 ** Math.min(recoveryFailures - 1, 16), LONGEST_RECOVERY_RETRY) *
      (0.5 + random() / 2),
  },
}).createMachine({
  id: "prepuller",
  context: ({ input }) => initialPrepuller(input),
  invoke: { id: "leadership", src: "leadership" },
  initial: "starting",
  on: {
    "work.changed": { actions: "takeWork" },
    "leadership.lost": { target: ".following", actions: { type: "tellLeading", params: { leading: false } } },
  },
  states: {
    starting: { always: [{ guard: "isOutside", target: "working" }, { target: "following" }] },
    /** Another replica leads, or none. */
    following: {
      on: {
        "leadership.gained": { target: "leading", actions: { type: "tellLeading", params: { leading: true } } },
        "leadership.lost": {},
      },
    },
    /** What is left over can be judged only against what is wanted. */
    leading: { always: { guard: "hasWork", target: "recovering" } },
    recovering: {
      invoke: {
        id: "recover",
        src: "recover",
        input: ({ context }) => ({ isWanted: wantedPairs(context.work) }),
        onDone: { target: "working", actions: { type: "takeRecovered", params: ({ event }) => ({ pulls: event.output }) } },
        onError: {
          target: "recoveringLater",
          actions: [
            "countRecoveryFailure",
            { type: "tellRecoveryFailure", params: ({ event }) => ({ error: event.error }) },
          ],
        },
      },
    },
    recoveringLater: { after: { recoveryRetry: "recovering" } },
    working: {
      entry: ["takeAllWork", "sync", "continueSync"],
      exit: "dismissAll",
      on: {
        "work.changed": { actions: ["takeWork", "sync", "continueSync", "tellProgress"] },
        "sync.continued": { actions: ["sync", "continueSync", "tellProgress"] },
        "pull.reported": { actions: ["look", "sync", "continueSync", "passReport"] },
        "node.waiting": { actions: "giveTurns" },
        "turn.declined": { actions: ["endTurn", "giveTurns"] },
        "task.started": { guard: "isCurrent", actions: "tellStart" },
        "task.succeeded": { guard: "isCurrent", actions: ["takeSuccess", "giveTurns"] },
        "task.failed": { guard: "isCurrent", actions: ["endTurn", "tellFailure", "giveTurns"] },
        "task.cancelled": { guard: "isCurrent", actions: ["endTurn", "takeCancellation", "giveTurns"] },
        "task.changed": { actions: "tellProgress" },
        "pull.broke": { actions: "tellBrokenPull" },
        "node.mended": { actions: ["look", "sync", "continueSync"] },
        "xstate.done.actor.*": { guard: "isNode", actions: ["look", "continueSync"] },
        "xstate.error.actor.*": { guard: "isNode", actions: ["dropBroken", "giveTurns"] },
      },
      initial: "steady",
      states: {
        steady: { after: { sweepInterval: [{ guard: "isOutside", target: "steady", reenter: true }, { target: "sweeping" }] } },
        /** What could not be removed in its time is found again. */
        sweeping: {
          invoke: {
            id: "sweep",
            src: "recover",
            input: ({ context }) => ({ isWanted: wantedPairs(context.work) }),
            onDone: {
              target: "steady",
              actions: { type: "takeRecovered", params: ({ event }) => ({ pulls: event.output }) },
            },
            onError: {
              target: "steady",
              actions: { type: "tellRecoveryFailure", params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
      },
    },
  },
});
