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
import { changedNodes, type PrepullWork, wantedPairs } from "../domain/prepull-work.ts";
import type { RecoveredPull } from "../domain/pull.ts";
import { classOfFailure } from "../domain/pull-failure.ts";
import type { PrepullReport } from "../ports.ts";
import { type NodePrepullNews, nodePrepullMachine } from "./node-prepull.ts";
import { leavePulls } from "./orphans.ts";
import { type PrepullerReport, pullNews, told } from "./prepuller-news.ts";
import {
  actorOf,
  bareSince,
  historiesOf,
  initialPrepuller,
  nodeSettings,
  type PrepullerContext,
  type PrepullerInput,
  planSync,
  rememberSuccess,
  rememberTasks,
  turnsToGive,
  withEnded,
  withNames,
  withoutTurn,
  withTurns,
} from "./prepuller-state.ts";
import { endTask, syncSlice, tellDropped } from "./prepuller-sync.ts";

/** Milliseconds before the next slice of actors is started, told or stopped: others get a turn of the event loop. */
const NEXT_SLICE = 1;
/**
 * Actors that are taken out in one go, and milliseconds until the next: xstate copies the list of all children for each
 * one, which takes more than a millisecond where there are thousands.
 */
const CLEARED_AT_ONCE = 8;
const NEXT_CLEARING = 20;
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
  | { readonly type: "clearing.continued" }
  | { readonly type: "node.mended"; readonly node: string }
  | {
      readonly type: `xstate.done.actor.${string}`;
      readonly output: { readonly node: string; readonly uid: string } | undefined;
    }
  | { readonly type: `xstate.error.actor.${string}`; readonly error: unknown };

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
      return { work: event.work, unsynced: withNames(context.unsynced, changed) };
    }),
    takeAllWork: assign({ unsynced: ({ context }) => [...context.work.nodes.keys()] }),
    look: assign(({ context, event }) => {
      const node = nodeOf(event);
      return node === null ? {} : { unsynced: withNames(context.unsynced, [node]) };
    }),
    sync: enqueueActions(({ context, enqueue }) => syncSlice(context, enqueue)),
    begin: assign(({ context, spawn, self }) => {
      const { begun, rest } = planSync(context);
      const actors = new Map(context.actors);
      let { spawned } = context;
      for (const { node, uid, targets } of begun) {
        spawned += 1;
        const input = {
          parent: self,
          settings: nodeSettings(context),
          node,
          uid,
          targets,
          histories: historiesOf(context, uid, targets),
        };
        actors.set(node, {
          ref: spawn("node", { id: `node:${spawned}`, input }),
          uid,
          targets,
          bareSince: bareSince(context, targets),
        });
      }
      return { actors, spawned, unsynced: rest };
    }),
    continueSync: enqueueActions(({ context, enqueue }) => {
      enqueue.cancel("sync");
      if (context.unsynced.length > 0) enqueue.raise({ type: "sync.continued" }, { delay: NEXT_SLICE, id: "sync" });
    }),
    clear: enqueueActions(({ context, enqueue }) => {
      enqueue.cancel("clear");
      for (const ref of context.leaving.slice(0, CLEARED_AT_ONCE)) enqueue.stopChild(ref);
      const leaving = context.leaving.slice(CLEARED_AT_ONCE);
      enqueue.assign({ leaving });
      if (leaving.length > 0) enqueue.raise({ type: "clearing.continued" }, { delay: NEXT_CLEARING, id: "clear" });
    }),
    giveTurns: enqueueActions(({ context, enqueue }) => {
      const actors = turnsToGive(context);
      if (actors.length === 0) return;
      enqueue.assign(withTurns(context, actors));
      for (const { ref } of actors) enqueue.sendTo(ref, { type: "pull.granted" });
    }),
    endTurn: assign(({ context, event }) =>
      "uid" in event ? { running: withoutTurn(context.running, event.uid) } : {},
    ),
    takeSuccess: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "task.succeeded");
      const { node, uid, task } = event;
      enqueue.assign({
        running: withoutTurn(context.running, uid),
        histories: rememberSuccess(context, uid, task.digest),
        ended: withEnded(context.ended, { node, uid, task, state: "SUCCEEDED", message: "" }),
      });
      enqueue.sendParent(told({ type: "pull.succeeded", ...pullNews(node, uid, task) }));
      enqueue.sendParent(markOf(context, node, uid, task.digest));
    }),
    takeCancellation: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "task.cancelled");
      const { node, uid, task } = event;
      enqueue.assign({ ended: endTask(context, node, uid, task, "the image is not wanted any more") });
      enqueue.sendParent(told({ type: "pull.cancelled", ...pullNews(node, uid, task) }));
    }),
    tellStart: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, "task.started");
      enqueue.sendParent(told({ type: "pull.started", ...pullNews(event.node, event.uid, event.task) }));
    }),
    tellFailure: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, "task.failed");
      const { node, uid, task } = event;
      const { reason, message, nextAttemptTime } = task;
      const failureClass = classOfFailure(task);
      const details = { reason, message, failureClass, nextAttemptTime };
      enqueue.sendParent(told({ type: "pull.failed", ...pullNews(node, uid, task), ...details }));
    }),
    tellProgress: enqueueActions(({ enqueue }) => enqueue.sendParent(told({ type: "progress.changed" }))),
    tellLeading: enqueueActions(({ enqueue }, { leading }: { leading: boolean }) =>
      enqueue.sendParent(told({ type: "leadership.changed", leading })),
    ),
    tellRecoveryFailure: enqueueActions(({ enqueue }, { error }: { error: unknown }) =>
      enqueue.sendParent(told({ type: "recovery.failed", error })),
    ),
    takeRecovered: enqueueActions(({ context, enqueue }, { pulls }: { pulls: readonly RecoveredPull[] }) => {
      for (const { node, nodeUid, digest } of pulls) enqueue.sendParent(markOf(context, node, nodeUid, digest));
      enqueue.sendParent(told({ type: "leftovers.recovered", pulls: pulls.length }));
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
      leavePulls(ref, enqueue);
      tellDropped(node, uid, ref.getSnapshot().context.tasks, enqueue);
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
      let { histories } = context;
      for (const [node, { ref, uid }] of context.actors) {
        const { tasks } = ref.getSnapshot().context;
        tellDropped(node, uid, tasks, enqueue);
        histories = rememberTasks(histories, uid, tasks);
        enqueue.sendTo(ref, { type: "node.left" });
      }
      enqueue.cancel("sync");
      const leaving = [...context.leaving, ...[...context.actors.values()].map(({ ref }) => ref)];
      enqueue.assign({ actors: new Map(), running: new Set(), unsynced: [], leaving, histories });
    }),
  },
  guards: {
    isOutside: ({ context }) => context.settings.mode === "outside",
    hasWork: ({ context }) => context.work.table !== null,
    isCurrent: ({ context, event }) =>
      "node" in event && "uid" in event && context.actors.get(event.node)?.uid === event.uid,
    isFinished: ({ context, event }) => "output" in event && isActor(context, event.output),
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
    "clearing.continued": { actions: "clear" },
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
        onDone: {
          target: "working",
          actions: { type: "takeRecovered", params: ({ event }) => ({ pulls: event.output }) },
        },
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
      entry: ["takeAllWork", "sync", "begin", "clear", "continueSync", "tellProgress"],
      exit: ["dismissAll", "clear"],
      on: {
        "work.changed": {
          actions: ["takeWork", "sync", "begin", "clear", "continueSync", "giveTurns", "tellProgress"],
        },
        "sync.continued": { actions: ["sync", "begin", "clear", "continueSync", "giveTurns", "tellProgress"] },
        "pull.reported": { actions: ["look", "sync", "begin", "clear", "continueSync", "passReport"] },
        "node.waiting": { actions: "giveTurns" },
        "turn.declined": { actions: ["endTurn", "giveTurns"] },
        "task.started": { guard: "isCurrent", actions: "tellStart" },
        "task.succeeded": { guard: "isCurrent", actions: ["takeSuccess", "giveTurns"] },
        "task.failed": { guard: "isCurrent", actions: ["endTurn", "tellFailure", "giveTurns"] },
        "task.cancelled": { guard: "isCurrent", actions: ["endTurn", "takeCancellation", "giveTurns"] },
        "task.changed": { actions: "tellProgress" },
        "pull.broke": { actions: "tellBrokenPull" },
        "node.mended": { actions: ["look", "continueSync"] },
        "xstate.done.actor.*": { guard: "isFinished", actions: ["look", "continueSync"] },
        "xstate.error.actor.*": { guard: "isNode", actions: ["dropBroken", "giveTurns"] },
      },
      initial: "steady",
      states: {
        steady: {
          after: { sweepInterval: [{ guard: "isOutside", target: "steady", reenter: true }, { target: "sweeping" }] },
        },
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

function nodeOf(event: PrepullerEvent): string | null {
  if (event.type === "pull.reported") return event.report.node;
  if (event.type === "node.mended") return event.node;
  return "output" in event ? (event.output?.node ?? null) : null;
}

/** Effects end too, with outputs of their own. */
function isActor({ actors }: PrepullerContext, output: { readonly node: string; readonly uid: string } | undefined) {
  return output?.node !== undefined && actors.get(output.node)?.uid === output.uid;
}

function markOf({ now }: PrepullerContext, node: string, uid: string, digest: string): PrepullerReport {
  return { type: "image.prepulled", digest, node, uid, markedAt: now().monotonic };
}

function notProvided(): never {
  throw new Error("the effects of the prepuller have to be provided");
}
