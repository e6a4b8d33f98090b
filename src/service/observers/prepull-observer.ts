import { describeClass } from "../../domain/prepull/classify-failure.ts";
import type { PullFailureClass } from "../../domain/prepull/failure-table.ts";
import { isClusterWide } from "../../domain/prepull/pod-refusal.ts";
import type { PullFacts } from "../../domain/prepull/pull-event.ts";
import { THRASHING_WINDOW } from "../../domain/prepull/thrashing.ts";
import { sharedLeaseReason } from "../../domain/snapshot/problems.ts";
import type { PrepullerNews } from "../../machines/prepuller/prepuller-events.ts";
import type { Alerts, Clock, Logger } from "../../ports.ts";

/** What of the prepuller's news is counted. Labels take no node, tag or digest. */
export interface PrepullMetrics {
  pullsRunning(count: number): void;
  pullFinished(end: PullEnd): void;
  imageThrashing(): void;
  /** `lent` pulls are in progress without a slot. */
  slotsChanged(slots: { readonly limit: number; readonly inUse: number; readonly lent: number }): void;
  leading(isLeading: boolean): void;
}

/** How a pull ended, as it is counted. */
export interface PullEnd {
  readonly outcome: PullOutcomeLabel;
  /** Empty where it has not failed. */
  readonly failureClass: PullFailureClass | "";
  /** How long it took; null where nobody reported its start. */
  readonly seconds: number | null;
}

/** `detached`: this replica no longer leads, and the pull goes on without it. */
export type PullOutcomeLabel = "success" | "failure" | "cancelled" | "detached";

/** Where the prepuller's news go. */
export interface PrepullDesk {
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly metrics: PrepullMetrics;
  readonly clock: Clock;
}

/** Key of the alert that recovery fails. */
const RECOVERY_ALERT = "prepull:recovery";

/** Under this key it is reported that the API server refuses pods, whatever the node. */
const REFUSAL_ALERT = "prepull:pods";

/** Under this key it is reported that another installation has our lease (field case F44). */
const SHARED_ALERT = "prepull:lease";

/**
 * Reports the prepuller's work to an operator: each cause (image and class) once, on however many nodes, and again only
 * after no pull was failing of it.
 */
export function createPrepullObserver({ logger, alerts, metrics, clock }: PrepullDesk): (news: PrepullerNews) => void {
  const causes = failingPairs(alerts);
  const thrashing = thrashingImages(alerts);
  // By pair: an outside prepuller may report the end of a pull whose start it has not reported.
  const running = new Set<string>();
  let recoveryFault: string | null = null;
  let isRefused = false;
  let isShared = false;

  function refused({ failure }: Extract<PrepullerNews, { type: "pods.refused" }>): void {
    const { failureClass, reason, message } = failure;
    const details = { failureClass, reason };
    if (isRefused) logger.warn({ ...details, detail: message }, "pods of the prepuller are refused for another reason");
    isRefused = true;
    causes.forget(isRefusalCause);
    const remedy = "one pod is tried now and then until it is accepted";
    alerts.raise({
      key: REFUSAL_ALERT,
      message: `no pod of the prepuller is accepted: ${message}; ${remedy}`,
      details,
    });
  }

  function shared(instance: string | null): void {
    isShared = instance !== null;
    if (instance === null) alerts.clear(SHARED_ALERT, "the lease names no other installation any longer");
    else alerts.raise({ key: SHARED_ALERT, message: sharedLeaseReason(instance), details: { instance } });
  }

  function accepted(): void {
    isRefused = false;
    alerts.clear(REFUSAL_ALERT, "the API server accepts pods again");
  }

  function forgetRefusal(): void {
    if (isRefused) alerts.forget(REFUSAL_ALERT);
    isRefused = false;
  }

  function started(pull: PullFacts): void {
    metrics.pullsRunning(running.add(pairOf(pull)).size);
  }

  function finished(pull: PullFacts, outcome: PullOutcomeLabel, failureClass: PullFailureClass | "" = "") {
    running.delete(pairOf(pull));
    metrics.pullsRunning(running.size);
    const seconds = pull.startTime === null ? null : Math.max(0, (clock.wallTime() - pull.startTime) / 1_000);
    metrics.pullFinished({ outcome, failureClass, seconds });
    return seconds === null ? {} : { seconds: Math.round(seconds) };
  }

  function succeeded(pull: PullFacts): void {
    const { node, reference } = pull;
    logger.info({ node, reference, ...finished(pull, "success") }, "pulled");
    causes.remove(pairOf(pull), "pulled");
  }

  function ended(pull: PullFacts, outcome: "cancelled" | "detached", message: string): void {
    const { node, reference } = pull;
    logger.info({ node, reference, ...finished(pull, outcome) }, message);
  }

  /** It was counted when it was given up. */
  function settled({ node, reference, outcome, ...pull }: Extract<PrepullerNews, { type: "pull.settled" }>): void {
    logger.info({ node, reference, outcome }, "a pull that was given up has ended");
    if (outcome === "succeeded") causes.remove(pairOf(pull), "pulled");
  }

  /** What this replica observed before says nothing of what is the case now: no alert is resolved by that. */
  function forgetAll(): void {
    running.clear();
    metrics.pullsRunning(0);
    metrics.slotsChanged({ limit: 0, inUse: 0, lent: 0 });
    causes.forget();
    thrashing.forget();
    forgetRefusal();
    if (isShared) alerts.forget(SHARED_ALERT);
    isShared = false;
  }

  function leads(leading: boolean): void {
    metrics.leading(leading);
    if (leading) return;
    recoveryFault = null;
    alerts.forget(RECOVERY_ALERT);
  }

  function recovered(pulls: number): void {
    alerts.clear(RECOVERY_ALERT, "leftover pods were looked for");
    recoveryFault = null;
    if (pulls > 0) logger.info({ pulls }, "counted the pulls of an earlier process");
  }

  function recoveryFailed(error: unknown): void {
    const message = "cannot look for leftover pods: they stay, and a new leader waits with its first pull";
    const fault = error instanceof Error ? error.message : String(error);
    logger[fault === recoveryFault ? "debug" : "warn"]({ err: error }, message);
    recoveryFault = fault;
    alerts.raise({ key: RECOVERY_ALERT, message, details: {} });
  }

  function failed(news: Extract<PrepullerNews, { type: "pull.failed" }>): void {
    const { node, reference, reason, message, failureClass, attempts, nextAttemptTime } = news;
    const next = nextAttemptTime === null ? {} : { nextAttempt: new Date(nextAttemptTime).toISOString() };
    const fields = { node, reference, reason, failureClass, attempts, detail: message, ...next };
    finished(news, "failure", failureClass);
    // What meets every node alike is one alert, of the refusal as a whole.
    if (isRefused && isClusterWide(news)) {
      logger.debug(fields, "pull failed");
      return;
    }
    // An operator who drains a node or deletes a pod knows (field case F78); the pull goes on, and is tried again.
    if (failureClass === "interrupted") {
      causes.remove(pairOf(news), null);
      logger.info(fields, `pull interrupted: ${describeClass(failureClass)}`);
      return;
    }
    const cause = causeKey(news);
    const isNew = causes.add(pairOf(news), cause);
    if (isNew) logger.warn(fields, `pull failed: ${describeClass(failureClass)}`);
    else logger.debug(fields, "pull failed");
    const details = { node, reference, reason, failureClass };
    alerts.raise({ key: cause, message: `pulls fail: ${describeClass(failureClass)}`, details });
  }

  /** One alert for a node, however many of its images do not stay: the cause is the node's (field case F78). */
  function thrashes({ node, uid, reference, message }: Extract<PrepullerNews, { type: "image.thrashing" }>): void {
    metrics.imageThrashing();
    logger.warn({ node, reference }, message);
    const key = `prepull:node:${uid}:Thrashing`;
    thrashing.note(key, clock.monotonicTime());
    alerts.raise({ key, message, details: { node, reference } });
  }

  return (news) => {
    thrashing.expire(clock.monotonicTime());
    switch (news.type) {
      case "pull.started":
        return started(news);
      case "pull.succeeded":
        return succeeded(news);
      case "pull.failed":
        return failed(news);
      case "pull.cancelled":
        return ended(news, "cancelled", "pull cancelled");
      case "pull.detached":
        return ended(news, "detached", "pull left to the next leader");
      case "pull.settled":
        return settled(news);
      case "failure.dropped":
        return causes.remove(pairOf(news), "the failed pulls are no longer needed");
      case "image.thrashing":
        return thrashes(news);
      case "work.abandoned":
        return forgetAll();
      case "pods.refused":
        return refused(news);
      case "pods.accepted":
        return accepted();
      case "refusal.dropped":
        return forgetRefusal();
      case "lease.shared":
        return shared(news.instance);
      case "slots.changed":
        return metrics.slotsChanged(news);
      case "leadership.changed":
        return leads(news.leading);
      case "leftovers.recovered":
        return recovered(news.pulls);
      case "recovery.failed":
        return recoveryFailed(news.error);
      case "progress.changed":
        return;
    }
  };
}

/** Reasons are left out: those of outside prepullers are free text, and each would raise an alert of its own (field case F67). */
function causeKey({ digest, failureClass }: Extract<PrepullerNews, { type: "pull.failed" }>): string {
  return `prepull:${digest}:${failureClass}`;
}

function isRefusalCause(cause: string): boolean {
  return cause.endsWith(":refused") || cause.endsWith(":kubernetes-unavailable");
}

function pairOf({ uid, digest }: Pick<PullFacts, "uid" | "digest">): string {
  return `${uid} ${digest}`;
}

/** Which pairs of node and image fail, by cause; an alert ends with its last pair. */
function failingPairs(alerts: Alerts) {
  const causeOf = new Map<string, string>();
  const pairsOf = new Map<string, Set<string>>();

  /** `why` it no longer fails; null where that was not observed, since it fails for another cause. */
  function remove(pair: string, why: string | null): void {
    const cause = causeOf.get(pair);
    if (cause === undefined) return;
    causeOf.delete(pair);
    const pairs = pairsOf.get(cause);
    pairs?.delete(pair);
    if (pairs !== undefined && pairs.size > 0) return;
    pairsOf.delete(cause);
    if (why === null) alerts.forget(cause);
    else alerts.clear(cause, why);
  }

  return {
    remove,
    /** Nothing more is known of them, or of those of some causes. */
    forget(isMeant: (cause: string) => boolean = () => true): void {
      for (const [pair, cause] of causeOf) if (isMeant(cause)) remove(pair, null);
    },
    /** Whether nothing else was failing of this cause. */
    add(pair: string, cause: string): boolean {
      if (causeOf.get(pair) !== cause) remove(pair, null);
      const pairs = pairsOf.get(cause) ?? new Set();
      const isNew = pairs.size === 0;
      causeOf.set(pair, cause);
      pairsOf.set(cause, pairs.add(pair));
      return isNew;
    },
  };
}

/** Images that do not stay where they are pulled to: ok again when nothing was reported of them for a whole window. */
function thrashingImages(alerts: Alerts) {
  const lastTold = new Map<string, number>();
  return {
    note(key: string, now: number): void {
      lastTold.delete(key);
      lastTold.set(key, now);
    },
    expire(now: number): void {
      for (const [key, time] of lastTold) {
        if (now - time < THRASHING_WINDOW) return;
        lastTold.delete(key);
        alerts.clear(key, "not pulled again for hours");
      }
    },
    /** Nothing more is known of them. */
    forget(): void {
      for (const key of lastTold.keys()) alerts.forget(key);
      lastTold.clear();
    },
  };
}
