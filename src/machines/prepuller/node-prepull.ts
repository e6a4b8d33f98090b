import { type AnyActorRef, assertEvent, assign, enqueueActions, fromCallback, sendTo, setup } from "xstate";
import { type PullBackoff, pullBackoff } from "../../domain/prepull/prepull-backoff.ts";
import {
  dropTask,
  failTask,
  type KnownHistory,
  nextDueTime,
  nextTask,
  noteTask,
  type PrepullTask,
  pullingTasks,
  startTask,
  syncTasks,
  type Times,
  taskOf,
} from "../../domain/prepull/prepull-tasks.ts";
import type { PullFailure, PullOrder, PullTarget } from "../../domain/prepull/pull.ts";
import type { PrepullReport } from "../../ports.ts";

/** Milliseconds beyond its time-out after which a pull is given up that should have ended itself. */
export const PULL_GRACE = 10_000;

/** Who pulls: the built-in prepuller, or one outside that reports what it does. */
export type PrepullMode = "built-in" | "outside";

/** What is the same for all nodes. */
export interface NodePrepullSettings {
  readonly mode: PrepullMode;
  /** Milliseconds that one pull may take. */
  readonly pullTimeout: number;
  readonly backoff: PullBackoff;
  readonly now: () => Times;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What a node's actor is given when it starts. */
export interface NodePrepullInput {
  /** Who is told: the news are of type NodePrepullNews. */
  readonly parent: AnyActorRef;
  readonly settings: NodePrepullSettings;
  readonly node: string;
  readonly uid: string;
  readonly targets: readonly PullTarget[];
  /** By digest, where something is remembered. */
  readonly histories: ReadonlyMap<string, KnownHistory>;
}

/** What happens to one node's work. */
export type NodePrepullEvent =
  | {
      readonly type: "work.changed";
      readonly targets: readonly PullTarget[];
      readonly histories: ReadonlyMap<string, KnownHistory>;
    }
  /** A turn: one pull may start, of this image where one is named. */
  | { readonly type: "pull.granted"; readonly digest?: string }
  /** The API server has a pod for the pull. */
  | { readonly type: "pull.accepted" }
  | { readonly type: "pull.succeeded" }
  | { readonly type: "pull.failed"; readonly failure: PullFailure }
  | { readonly type: "pull.reported"; readonly report: PrepullReport }
  /** The node has nothing to do any more, or has left. */
  | { readonly type: "work.ended" }
  /** The node may not be pulled to any more. */
  | { readonly type: "node.tainted" };

/** Which node it is. */
interface Sender {
  readonly node: string;
  readonly uid: string;
}

/** What a node's actor tells its parent. */
export type NodePrepullNews = Sender &
  (
    | /** A pull is due: a turn is wanted. */ { readonly type: "node.waiting" }
    /** The task as it is after the start or the failure, and as it was before the success or the cancellation. */
    | { readonly type: TaskNews; readonly task: PrepullTask }
    /** What is shown has changed, and nothing has started or ended. */
    | { readonly type: "task.changed" }
    /** The API server has a pod for the pull. */
    | { readonly type: "task.accepted"; readonly digest: string }
  );

/** Turns in the life of a task. */
export type TaskNews = "task.started" | "task.succeeded" | "task.failed" | "task.cancelled";

/** See NodePrepullInput. */
export interface NodePrepullContext extends Pick<NodePrepullInput, "parent" | "settings" | "node" | "uid"> {
  /** What it was told last. */
  readonly targets: readonly PullTarget[];
  readonly tasks: readonly PrepullTask[];
  /** Turns taken. */
  readonly turns: number;
  /** Since when the node waits for its turn, monotonic milliseconds; null while it does not. */
  readonly since: number | null;
  /** Drawn once: decides among equals in the queue. */
  readonly lot: number;
}

/** What the effect `pull` may be told: to leave the pull as it is, because nobody can end it in order any more. */
export interface PullDropped {
  readonly type: "pull.dropped";
}

const TIMED_OUT: PullFailure = {
  failureClass: "timeout",
  reason: "DeadlineExceeded",
  message: "the pull has not ended within the prepull time-out",
};
/** Milliseconds after which a node that waits for nothing known looks again. */
const LONGEST_REST = 3_600_000;

/**
 * The work on one node (docs/spec/prepuller.md): its missing images one at a time, each when the node is given a turn;
 * what has failed waits, and the others go on meanwhile. The effect `pull` is provided from outside and tells
 * `pull.succeeded` or `pull.failed`; leaving `pulling` cancels it. Where it throws the actor breaks, and its parent makes
 * another one. With an outside prepuller no turns are given, and its reports move the same states; it may pull several
 * images at once.
 */
export const nodePrepullMachine = setup({
  types: {
    context: {} as NodePrepullContext,
    input: {} as NodePrepullInput,
    events: {} as NodePrepullEvent,
  },
  actors: { pull: fromCallback<PullDropped, PullOrder>(notProvided) },
  actions: {
    takeWork: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "work.changed");
      const { targets, histories } = event;
      const wanted = new Set(targets.map(({ digest }) => digest));
      for (const task of pullingTasks(context.tasks)) {
        if (!wanted.has(task.digest))
          enqueue.sendTo(context.parent, { type: "task.cancelled", ...senderOf(context), task });
      }
      const historyOf = (digest: string) => histories.get(digest) ?? null;
      enqueue.assign({ targets, tasks: syncTasks(context.tasks, targets, historyOf, context.settings.now()) });
    }),
    startNext: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "pull.granted");
      const now = context.settings.now().monotonic;
      const next = nextTask(context.tasks, now, event.digest) ?? nextTask(context.tasks, now);
      if (next !== null) startPull(context, next.digest, enqueue);
    }),
    succeed: enqueueActions(({ context, enqueue }) => {
      for (const { digest } of pullingTasks(context.tasks)) endWell(context, digest, enqueue);
    }),
    fail: enqueueActions(({ context, enqueue }, failure: PullFailure) => {
      const { settings } = context;
      let { tasks } = context;
      for (const { digest, failures } of pullingTasks(tasks)) {
        const wait =
          settings.mode === "outside" ? null : pullBackoff(settings.backoff, failures + 1, settings.random());
        tasks = failTask(tasks, digest, failure, wait, settings.now());
        const task = taskOf(tasks, digest);
        enqueue.sendTo(context.parent, { type: "task.failed", ...senderOf(context), task });
      }
      enqueue.assign({ tasks });
    }),
    takeReport: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, "pull.reported");
      takeReport(context, event.report, enqueue);
    }),
    /** A node keeps its place in the queue when its work changes while it waits. */
    noteWait: assign({ since: ({ context }) => context.since ?? context.settings.now().monotonic }),
    forgetWait: assign({ since: null }),
    tellWaiting: sendTo(
      ({ context }) => context.parent,
      ({ context }): NodePrepullNews => ({ type: "node.waiting", ...senderOf(context) }),
    ),
    tellAccepted: enqueueActions(({ context, enqueue }) => {
      for (const { digest } of pullingTasks(context.tasks))
        enqueue.sendTo(context.parent, { type: "task.accepted", ...senderOf(context), digest });
    }),
  },
  guards: {
    isPulling: ({ context }) => pullingTasks(context.tasks).length > 0,
    hasDueTask: ({ context }) => nextTask(context.tasks, context.settings.now().monotonic) !== null,
    keepsPull: ({ context, event }) => {
      assertEvent(event, "work.changed");
      const wanted = new Set(event.targets.map(({ digest }) => digest));
      return pullingTasks(context.tasks).every(({ digest }) => wanted.has(digest));
    },
  },
  delays: {
    pullBound: ({ context }) => context.settings.pullTimeout + PULL_GRACE,
    nextDueTime: ({ context: { tasks, settings } }) => {
      const due = nextDueTime(tasks);
      return due === null ? LONGEST_REST : Math.min(Math.max(due - settings.now().monotonic, 0), LONGEST_REST);
    },
  },
}).createMachine({
  id: "nodePrepull",
  context: ({ input }) => initialContext(input),
  initial: "choosing",
  on: {
    "work.changed": { target: ".choosing", actions: "takeWork" },
    "pull.reported": { target: ".choosing", actions: "takeReport" },
    "work.ended": ".finished",
    "node.tainted": ".ineligible",
  },
  states: {
    choosing: {
      always: [
        { guard: "isPulling", target: "pulling" },
        { guard: "hasDueTask", target: "waiting" },
        { target: "backingOff" },
      ],
    },
    waiting: {
      entry: ["noteWait", "tellWaiting"],
      on: { "pull.granted": { target: "pulling", actions: "startNext" } },
    },
    pulling: {
      invoke: { id: "pull", src: "pull", input: ({ context }) => orderFor(context) },
      on: {
        "work.changed": { guard: "keepsPull", actions: "takeWork" },
        "pull.accepted": { actions: "tellAccepted" },
        "pull.succeeded": { target: "choosing", actions: "succeed" },
        "pull.failed": { target: "choosing", actions: { type: "fail", params: ({ event }) => event.failure } },
      },
      after: { pullBound: { target: "choosing", actions: { type: "fail", params: TIMED_OUT } } },
    },
    /** Nothing is due: what has failed waits; or all is done, which the parent hears of and ends the work. */
    backingOff: {
      entry: "forgetWait",
      after: { nextDueTime: "choosing" },
    },
    /** Nothing is to be done here any more: all is on the node, or it has left, or another one does the work. */
    finished: { type: "final" },
    ineligible: { type: "final" },
  },
});

/** The part of xstate's `enqueue` that the functions below use. */
interface Enqueue {
  assign(change: Partial<NodePrepullContext>): void;
  sendTo(parent: AnyActorRef, news: NodePrepullNews): void;
}

function startPull(context: NodePrepullContext, digest: string, enqueue: Enqueue): void {
  const tasks = startTask(context.tasks, digest, context.settings.now());
  const task = taskOf(tasks, digest);
  if (task === null) return;
  enqueue.assign({ tasks, turns: context.turns + 1, since: null });
  enqueue.sendTo(context.parent, { type: "task.started", ...senderOf(context), task });
}

function endWell(context: NodePrepullContext, digest: string, enqueue: Enqueue): void {
  const task = taskOf(context.tasks, digest);
  if (task === null) return;
  enqueue.sendTo(context.parent, { type: "task.succeeded", ...senderOf(context), task });
  enqueue.assign({ tasks: dropTask(context.tasks, digest) });
}

/** A report moves the task that it is of as the effect would have moved it. */
function takeReport(context: NodePrepullContext, report: PrepullReport, enqueue: Enqueue): void {
  const { digest, state } = report;
  const task = taskOf(context.tasks, digest);
  if (task === null) return;
  if (state === "SUCCEEDED") endWell(context, digest, enqueue);
  else if (state === "FAILED") {
    const failure = { ...report, failureClass: report.failureClass ?? "other" };
    const tasks = failTask(context.tasks, digest, failure, null, context.settings.now());
    enqueue.assign({ tasks });
    enqueue.sendTo(context.parent, { type: "task.failed", ...senderOf(context), task: taskOf(tasks, digest) ?? task });
  } else if (state === "PULLING" && task.state !== "PULLING") startPull(context, digest, enqueue);
  else {
    enqueue.assign({ tasks: noteTask(context.tasks, digest, state, report) });
    const isEnd = task.state === "PULLING" && state !== "PULLING";
    enqueue.sendTo(context.parent, {
      ...senderOf(context),
      ...(isEnd ? { type: "task.cancelled", task } : { type: "task.changed" }),
    });
  }
}

function senderOf({ node, uid }: NodePrepullContext): Sender {
  return { node, uid };
}

/** The order of the pull that is under way. */
function orderFor({ tasks, node, uid, settings }: NodePrepullContext): PullOrder {
  const task = pullingTasks(tasks)[0];
  if (task === undefined) throw new Error("there is nothing to pull");
  const { reference, digest } = task;
  return { node, nodeUid: uid, reference, digest, timeout: settings.pullTimeout };
}

function initialContext({ parent, settings, node, uid, targets, histories }: NodePrepullInput): NodePrepullContext {
  const now = settings.now();
  const tasks = syncTasks([], targets, (digest) => histories.get(digest) ?? null, now);
  return { parent, settings, node, uid, targets, tasks, turns: 0, since: null, lot: settings.random() };
}

function notProvided(): never {
  throw new Error("the effect of a pull has to be provided");
}
