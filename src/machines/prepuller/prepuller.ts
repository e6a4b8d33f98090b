import {
  type AnyEventObject,
  assertEvent,
  assign,
  enqueueActions,
  fromCallback,
  fromPromise,
  sendTo,
  setup,
} from "xstate";
import { isClusterWide } from "../../domain/prepull/pod-refusal.ts";
import { changedNodes, wantedPairs } from "../../domain/prepull/prepull-work.ts";
import { nodeGroupMachine } from "./node-group.ts";
import { leavePulls } from "./orphans.ts";
import { rememberSuccess } from "./pair-histories.ts";
import type { PrepullerEvent, Recovered, RecoverInput } from "./prepuller-events.ts";
import { type PrepullerReport, pullNews, told } from "./prepuller-news.ts";
import { awaitTrial, noteAcceptance, noteRefusal } from "./prepuller-refusal.ts";
import {
  actorOf,
  initialPrepuller,
  nodeActor,
  nodeInput,
  type PrepullerContext,
  type PrepullerInput,
  planSync,
  trialOf,
  withEnded,
  withNames,
  withoutTurn,
} from "./prepuller-state.ts";
import { endedPull, endTask, releaseActors, restActors, syncSlice, tellDropped } from "./prepuller-sync.ts";
import { turnsToGive, withTurns } from "./prepuller-turns.ts";

/** Milliseconds before the next slice of actors is started or told: others get a turn of the event loop. */
const NEXT_SLICE = 1;
/** Actors in one group: see nodeGroupMachine. */
const GROUP_SIZE = 25;
/** Milliseconds before a node whose actor broke gets another one. */
const MENDING_TIME = 5_000;
/** Milliseconds before leftovers are looked for again after that failed; doubled with each further failure. */
const FIRST_RECOVERY_RETRY = 1_000;
const LONGEST_RECOVERY_RETRY = 30_000;

/**
 * The prepuller (docs/spec/prepuller.md): an actor for each node with work, turns among them, and what has to be
 * remembered beyond an actor's life. Built in, it works while this replica leads, after what was left over has been
 * seen to; with an outside prepuller it only follows the reports. The effects `leadership`, `recover` and
 * each node's `pull` are provided from outside.
 */
export const prepullerMachine = setup({
  types: { context: {} as PrepullerContext, input: {} as PrepullerInput, events: {} as PrepullerEvent },
  actors: {
    group: nodeGroupMachine,
    leadership: fromCallback<AnyEventObject>(notProvided),
    recover: fromPromise<Recovered, RecoverInput>(notProvided),
  },
  actions: {
    takeWork: assign(({ context, event }) => {
      assertEvent(event, "work.changed");
      const changed = changedNodes(context.work, event.work);
      return { work: event.work, unsynced: withNames(context.unsynced, changed) };
    }),
    takeAllWork: assign(({ context: { resting, work } }) => ({
      actors: resting,
      resting: new Map(),
      unsynced: withNames(
        work.nodes.map(({ node }) => node),
        [...resting.keys()],
      ),
    })),
    look: assign(({ context, event }) => {
      const node = nodeOf(event);
      return node === null ? {} : { unsynced: withNames(context.unsynced, [node]) };
    }),
    sync: enqueueActions(({ context, enqueue }) => syncSlice(context, enqueue)),
    begin: assign(({ context, spawn, self }) => {
      const { begun, rest } = planSync(context);
      if (begun.length === 0) return { unsynced: rest };
      const actors = new Map(context.actors);
      const groups = new Map(context.groups);
      let { spawned } = context;
      for (let first = 0; first < begun.length; first += GROUP_SIZE) {
        const works = begun.slice(first, first + GROUP_SIZE);
        const nodes = works.map((work) => ({ id: `node:${++spawned}`, ...nodeInput(context, self, work) }));
        const group = spawn("group", { id: `group:${++spawned}`, input: { nodes } });
        groups.set(group, nodes.length);
        for (const [at, ref] of group.getSnapshot().context.refs.entries()) {
          const work = works[at];
          if (work !== undefined) actors.set(work.node, nodeActor(context, work, ref, group));
        }
      }
      return { actors, groups, spawned, unsynced: rest };
    }),
    continueSync: enqueueActions(({ context, enqueue }) => {
      enqueue.cancel("sync");
      if (context.unsynced.length > 0) enqueue.raise({ type: "sync.continued" }, { delay: NEXT_SLICE, id: "sync" });
    }),
    askForTurns: sendTo(({ self }) => self, { type: "turns.due" }),
    giveTurns: enqueueActions(({ context, enqueue }) => {
      const turns = turnsToGive(context);
      if (turns.length === 0) return;
      const next = withTurns(context, turns);
      enqueue.assign(next);
      if (next.refusal !== null) awaitTrial(context, next.refusal, enqueue);
      for (const { actor, digest } of turns) enqueue.sendTo(actor.ref, { type: "pull.granted", digest });
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
      // An outside prepuller may end a pull whose image it still has to get there.
      if (!wantedPairs(context.work)(uid, task.digest)) {
        enqueue.assign(endTask(context, node, uid, task, "the image is no longer wanted here"));
      }
      enqueue.sendParent(told(endedPull(context.work, node, uid, task)));
    }),
    tellStart: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, "task.started");
      enqueue.sendParent(told({ type: "pull.started", ...pullNews(event.node, event.uid, event.task) }));
    }),
    tellFailure: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "task.failed");
      const { node, uid, task } = event;
      const { reason, message, nextAttemptTime } = task;
      const failureClass = task.failureClass ?? "other";
      const details = { reason, message, failureClass, nextAttemptTime };
      if (isClusterWide({ failureClass })) {
        const failure = { reason, message, failureClass };
        noteRefusal(context, { uid, digest: task.digest, failure }, enqueue);
      }
      enqueue.sendParent(told({ type: "pull.failed", ...pullNews(node, uid, task), ...details }));
    }),
    takeAcceptance: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "task.accepted");
      noteAcceptance(context, event, enqueue);
    }),
    tellProgress: enqueueActions(({ enqueue }) => enqueue.sendParent(told({ type: "progress.changed" }))),
    tellLeading: enqueueActions(({ enqueue }, { leading }: { leading: boolean }) =>
      enqueue.sendParent(told({ type: "leadership.changed", leading })),
    ),
    takeShared: enqueueActions(({ event, enqueue }) => {
      assertEvent(event, "lease.shared");
      enqueue.assign({ sharedWith: event.instance });
      enqueue.sendParent(told(event));
    }),
    tellRecoveryFailure: enqueueActions(({ enqueue }, { error }: { error: unknown }) =>
      enqueue.sendParent(told({ type: "recovery.failed", error })),
    ),
    takeRecovered: enqueueActions(({ context, enqueue }, { pulls, refusal }: Recovered) => {
      if (refusal !== null) noteRefusal(context, refusal, enqueue);
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
      assertEvent(event, "node.failed");
      const broken = actorOf(context, event.id);
      if (broken === null) return;
      const [node, actor] = broken;
      leavePulls(actor.ref, enqueue);
      tellDropped(context.work, node, actor.uid, actor.ref.getSnapshot().context.tasks, enqueue);
      const [actors, resting] = [new Map(context.actors), new Map(context.resting)];
      actors.delete(node);
      resting.delete(node);
      const groups = releaseActors(context, [actor], enqueue);
      enqueue.assign({ actors, resting, groups, running: withoutTurn(context.running, actor.uid) });
      enqueue.sendParent({ type: "node.broke", node, error: event.error });
      enqueue.raise({ type: "node.mended", node }, { delay: MENDING_TIME });
    }),
    rest: enqueueActions(({ context, enqueue }) => {
      enqueue.cancel("sync");
      restActors(context, enqueue);
    }),
  },
  guards: {
    isOutside: ({ context }) => context.settings.mode === "outside",
    hasWork: ({ context }) => context.work.table !== null,
    isCurrent: ({ context, event }) =>
      "node" in event && "uid" in event && context.actors.get(event.node)?.uid === event.uid,
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
    "lease.shared": { actions: "takeShared" },
    "node.failed": { actions: ["dropBroken", "askForTurns"] },
  },
  states: {
    starting: { always: [{ guard: "isOutside", target: "active.working" }, { target: "following" }] },
    /** Another replica leads, or none. */
    following: {
      on: {
        "leadership.gained": { target: "active", actions: { type: "tellLeading", params: { leading: true } } },
      },
    },
    /** This replica leads, or only follows reports. */
    active: {
      initial: "learning",
      on: {
        "leadership.lost": { target: "following", actions: { type: "tellLeading", params: { leading: false } } },
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
                { type: "tellRecoveryFailure", params: ({ event }) => ({ error: event.error }) },
              ],
            },
          },
        },
        recoveringLater: { after: { recoveryRetry: "recovering" } },
        working: {
          entry: ["takeAllWork", "sync", "begin", "continueSync", "tellProgress", "askForTurns"],
          exit: "rest",
          on: {
            "work.changed": { actions: ["takeWork", "sync", "begin", "continueSync", "tellProgress", "askForTurns"] },
            "sync.continued": { actions: ["sync", "begin", "continueSync", "tellProgress", "askForTurns"] },
            "turns.due": { actions: "giveTurns" },
            "pull.reported": { actions: ["look", "sync", "begin", "continueSync", "passReport"] },
            "node.waiting": { actions: "giveTurns" },
            "task.accepted": { guard: "isCurrent", actions: ["takeAcceptance", "giveTurns"] },
            "task.started": { guard: "isCurrent", actions: "tellStart" },
            "task.succeeded": { guard: "isCurrent", actions: ["takeSuccess", "giveTurns"] },
            "task.failed": { guard: "isCurrent", actions: ["endTurn", "tellFailure", "giveTurns"] },
            "task.cancelled": { guard: "isCurrent", actions: ["endTurn", "takeCancellation", "giveTurns"] },
            "task.changed": { actions: "tellProgress" },
            "node.mended": { actions: ["look", "continueSync"] },
          },
          initial: "steady",
          states: {
            steady: { after: { sweepInterval: "sweeping" } },
            /** What could not be removed in its time is found again. */
            sweeping: {
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
                  actions: { type: "tellRecoveryFailure", params: ({ event }) => ({ error: event.error }) },
                },
              },
            },
          },
        },
      },
    },
  },
});

function nodeOf(event: PrepullerEvent): string | null {
  if (event.type === "pull.reported") return event.report.node;
  return event.type === "node.mended" ? event.node : null;
}

function markOf({ now }: PrepullerContext, node: string, uid: string, digest: string): PrepullerReport {
  return { type: "image.prepulled", digest, node, uid, markedAt: now().monotonic };
}

function notProvided(): never {
  throw new Error("the effects of the prepuller have to be provided");
}
