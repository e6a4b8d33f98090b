import { type AnyEventObject, fromCallback, fromPromise } from "xstate";
import { LabImagesError } from "../domain/errors.ts";
import { classifyFailure } from "../domain/prepull/classify-failure.ts";
import type { PullBackoff } from "../domain/prepull/prepull-backoff.ts";
import { PullCancelledError, type PullFailure, type PullOrder, PullReleasedError } from "../domain/prepull/pull.ts";
import type { PullReport, PullRequest, Recovered, RecoverInput } from "../machines/prepuller/prepuller-events.ts";
import type { Leadership, Logger, PullControl, Puller } from "../ports.ts";

/** The built-in prepuller, as it is put together. */
export interface BuiltInPrepuller {
  readonly puller: Puller;
  readonly leadership: Leadership;
  /** How many pulls may hold a slot at one time in the cluster, whatever is observed. */
  readonly maxConcurrentPulls: number;
  /** Whether fewer may where fewer are enough. Default: true. */
  readonly isAdaptive?: boolean | undefined;
  /** Milliseconds that a pull that was given up keeps its node busy at most. Default: 15 minutes. */
  readonly stuckPullTimeout?: number | undefined;
  /** Default: PULL_BACKOFF. */
  readonly backoff?: PullBackoff | undefined;
  /** Milliseconds between two looks for pods that are left over. Default: 10 minutes. */
  readonly sweepInterval?: number | undefined;
}

/** What the effects of the prepuller need. */
export interface PrepullEffectsParts {
  /** Null: an outside prepuller does the work, and the effects do nothing. */
  readonly prepuller: BuiltInPrepuller | null;
  readonly logger: Logger;
  /** Aborted when the service stops: pulls that are under way are left for the next process to adopt. */
  readonly stopping: AbortSignal;
}

const BROKEN: PullFailure = {
  failureClass: "other",
  reason: "Defect",
  message: "the pull failed for a reason that is in the log",
};

/** The effects of the prepuller, as actors. */
export function prepullEffects({ prepuller, logger, stopping }: PrepullEffectsParts) {
  if (prepuller === null) return IDLE_EFFECTS;
  const { puller, leadership } = prepuller;
  const isReleasing = () => stopping.aborted || !leadership.mayWrite();
  const running = new Set<AbortController>();
  return {
    leadership: fromCallback<AnyEventObject>(({ sendBack }) => {
      // A prepuller that crashed has left its pulls running: the one that starts in its place adopts them.
      for (const controller of running) controller.abort(new PullReleasedError());
      const controller = new AbortController();
      const { signal } = controller;
      leadership.follow(
        (leading) => {
          if (!signal.aborted) sendBack({ type: leading ? "leadership.gained" : "leadership.lost" });
        },
        signal,
        (instance) => {
          if (!signal.aborted) sendBack({ type: "lease.shared", instance });
        },
      );
      return () => controller.abort();
    }),
    recover: fromPromise<Recovered, RecoverInput>(async ({ input: { isWanted, trial }, signal }) => ({
      ...(await puller.recover(isWanted, signal)),
      refusal: trial === null ? null : await refusalOf(puller, trial, signal),
    })),
    /** Stopped, it leaves its pull as it is. */
    pull: fromCallback<PullRequest, PullOrder>(({ input, sendBack, receive }) => {
      const [life, withdrawn, overdue] = [new AbortController(), new AbortController(), new AbortController()];
      const { signal } = life;
      const { nodeUid: uid, digest } = input;
      let hasPod = false;
      const sendReport = (report: Unkeyed<PullReport>) => {
        if (!(signal.reason instanceof PullReleasedError)) sendBack({ ...report, uid, digest });
      };
      const control: PullControl = {
        signal,
        withdrawn: withdrawn.signal,
        overdue: overdue.signal,
        onAccepted() {
          hasPod = true;
          sendReport({ type: "pull.accepted" });
        },
        onStalled: (failure) => sendReport({ type: "pull.stalled", failure }),
      };
      running.add(life);
      receive(({ type }) => {
        if (type === "pull.giveUp") overdue.abort();
        else if (type === "pull.withdraw") withdrawn.abort();
        else life.abort(isReleasing() ? new PullReleasedError() : new PullCancelledError());
      });
      void runPull(puller, input, control, logger).then((end) => {
        running.delete(life);
        if (end === "released") return;
        sendReport(end === "withdrawn" ? { type: "pull.withdrawn", mayGoOn: hasPod } : end);
      });
      return () => life.abort(new PullReleasedError());
    }),
  };
}

/** A report without its key. */
type Unkeyed<T> = T extends unknown ? Omit<T, "uid" | "digest"> : never;

async function refusalOf(puller: Puller, order: PullOrder, signal: AbortSignal): Promise<Recovered["refusal"]> {
  const failure = await puller.tryPod(order, signal);
  return failure === null ? null : { failure, uid: order.nodeUid, digest: order.digest };
}

/**
 * Never rejects: a pull that breaks has failed, and the defect is in the log. `released` where a write was refused because
 * the lease is lost: that is no failure, and the loss, which is reported as well, ends the pull.
 */
async function runPull(
  puller: Puller,
  order: PullOrder,
  control: PullControl,
  logger: Logger,
): Promise<Unkeyed<PullReport> | "withdrawn" | "released"> {
  try {
    const outcome = await puller.pull(order, control);
    if (outcome.kind === "pulled") return { type: "pull.succeeded" };
    const { failureClass, reason, message } = outcome;
    return { type: "pull.failed", failure: { failureClass, reason, message } };
  } catch (error) {
    if (error instanceof PullReleasedError || control.signal.reason instanceof PullReleasedError) return "released";
    if (error instanceof PullCancelledError || control.signal.aborted) return "withdrawn";
    if (error instanceof LabImagesError) {
      const { reason, message } = error;
      const { failureClass } = classifyFailure(reason, message);
      return { type: "pull.failed", failure: { failureClass, reason, message } };
    }
    const { node, reference } = order;
    logger.error({ err: error, node, reference }, "pull threw (bug)");
    return { type: "pull.failed", failure: BROKEN };
  }
}

const IDLE_EFFECTS = {
  leadership: fromCallback<AnyEventObject>(() => undefined),
  recover: fromPromise<Recovered, RecoverInput>(() => Promise.resolve({ ended: [], inProgress: [], refusal: null })),
  pull: fromCallback<PullRequest, PullOrder>(() => undefined),
};
