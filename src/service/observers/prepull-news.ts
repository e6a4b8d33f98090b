import type { PullFailureClass } from "../../domain/prepull/pull-failure.ts";
import { THRASHING_WINDOW } from "../../domain/prepull/thrashing.ts";
import type { PrepullNews, PullNews } from "../../machines/prepuller/prepuller-news.ts";
import type { Alerts, Clock, Logger } from "../../ports.ts";

/** What of the prepuller's news is counted. Labels take no node, tag or digest. */
export interface PrepullMetrics {
  pullStarted(): void;
  pullFinished(end: {
    readonly outcome: "success" | "failure" | "cancelled";
    /** Empty where it has not failed. */
    readonly failureClass: PullFailureClass | "";
    readonly seconds: number;
  }): void;
  imageThrashing(): void;
  leading(isLeading: boolean): void;
}

/** Where the prepuller's news go. */
export interface PrepullDesk {
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly metrics: PrepullMetrics;
  readonly clock: Clock;
}

/** Words for an operator, by what kind of failure it is. */
const REMEDIES: Readonly<Record<PullFailureClass, string>> = {
  "registry-denied": "the registry refuses the pull secret of the prepuller's pods, or there is none",
  "registry-rate-limited":
    "the registry limits how much may be pulled: log in, use a mirror, or lower maxConcurrentPulls",
  "registry-untrusted": "the nodes do not trust the registry's certificate, or it speaks no TLS",
  "registry-unavailable": "the nodes cannot reach the registry, or it fails",
  "image-not-found": "the registry does not know the image any more",
  "image-unusable": "the image is damaged, unsigned, or not made for these nodes",
  "disk-full": "the node's disk is full: it is too small for the images that belong on it",
  timeout: "the pull takes longer than the prepull time-out, or hangs",
  evicted: "the kubelet evicted the pod",
  "node-refused": "the kubelet refuses the pod: the node has no room for it, or does not suit it",
  "node-runtime": "the node's container runtime or its disk fails",
  "container-failed": "the kubelet cannot make a container of the image: look at admission plugins and the runtime",
  refused: "the API server refuses the pod: look at the prepuller's role, quotas and admission",
  "kubernetes-unavailable": "the API server does not answer, or it fails",
  interrupted: "the pod was taken away before its end",
  other: "see the message",
};

/** Under this key it is told that recovery fails. */
const RECOVERY_ALERT = "prepull:recovery";

/**
 * Tells an operator of the prepuller's work: each cause (image, reason and class) once, on however many nodes, and again only
 * after no pull was failing of it any more.
 */
export function prepullNews({ logger, alerts, metrics, clock }: PrepullDesk): (news: PrepullNews) => void {
  const causes = failingPairs(alerts);
  const thrashing = thrashingImages(alerts);
  let recoveryFails = false;

  function finished(pull: PullNews, outcome: "success" | "failure" | "cancelled", failureClass: PullFailureClass | "") {
    const seconds = pull.startTime === null ? 0 : Math.max(0, (clock.wallTime() - pull.startTime) / 1_000);
    metrics.pullFinished({ outcome, failureClass, seconds });
    return Math.round(seconds);
  }

  function failed(news: Extract<PrepullNews, { type: "pull.failed" }>): void {
    const { node, reference, reason, message, failureClass, attempts } = news;
    finished(news, "failure", failureClass);
    const fields = { node, reference, reason, failureClass, attempts, detail: message };
    const cause = causeKey(news);
    const isNew = causes.add(pairOf(news), cause);
    if (isNew) logger.warn(fields, `a pull has failed: ${REMEDIES[failureClass]}; it is tried again`);
    else logger.debug(fields, "a pull has failed");
    const details = { node, reference, reason, failureClass };
    alerts.raise({ key: cause, message: `pulls fail: ${REMEDIES[failureClass]}`, details });
  }

  function thrashes({ node, reference, digest, message }: Extract<PrepullNews, { type: "image.thrashing" }>): void {
    metrics.imageThrashing();
    logger.warn({ node, reference }, message);
    const key = `prepull:${digest}:Thrashing`;
    thrashing.note(key, clock.monotonicTime());
    alerts.raise({ key, message, details: { node, reference } });
  }

  return (news) => {
    thrashing.forget(clock.monotonicTime());
    switch (news.type) {
      case "pull.started":
        return metrics.pullStarted();
      case "pull.succeeded": {
        const seconds = finished(news, "success", "");
        causes.remove(pairOf(news));
        return logger.info({ node: news.node, reference: news.reference, seconds }, "pulled");
      }
      case "pull.failed":
        return failed(news);
      case "pull.cancelled":
        return void finished(news, "cancelled", "");
      case "failure.dropped":
        return causes.remove(pairOf(news));
      case "image.thrashing":
        return thrashes(news);
      case "work.abandoned":
        return causes.clear();
      case "leadership.changed":
        metrics.leading(news.leading);
        return logger.info(
          { leading: news.leading },
          news.leading ? "this replica prepulls" : "another replica prepulls",
        );
      case "leftovers.recovered":
        alerts.clear(RECOVERY_ALERT);
        recoveryFails = false;
        if (news.pulls === 0) return;
        return logger.info({ pulls: news.pulls }, "pulls of an earlier process have been counted");
      case "recovery.failed": {
        const message =
          "left over pods cannot be looked for: they stay, and a new leader does not begin until they can";
        logger[recoveryFails ? "debug" : "warn"]({ err: news.error }, message);
        recoveryFails = true;
        return alerts.raise({ key: RECOVERY_ALERT, message, details: {} });
      }
      case "progress.changed":
        return;
    }
  };
}

/** The class belongs to it: ErrImagePull alone is said of a full disk on one node as of a registry that refuses another. */
function causeKey({ digest, reason, failureClass }: Extract<PrepullNews, { type: "pull.failed" }>): string {
  const cause = `prepull:${digest}:${reason}`;
  return failureClass === "other" ? cause : `${cause}:${failureClass}`;
}

function pairOf({ uid, digest }: PullNews): string {
  return `${uid} ${digest}`;
}

/** Which pairs of node and image fail, by cause; an alert is cleared with its last pair. */
function failingPairs(alerts: Alerts) {
  const causeOf = new Map<string, string>();
  const pairsOf = new Map<string, Set<string>>();

  function remove(pair: string): void {
    const cause = causeOf.get(pair);
    if (cause === undefined) return;
    causeOf.delete(pair);
    const pairs = pairsOf.get(cause);
    pairs?.delete(pair);
    if (pairs !== undefined && pairs.size > 0) return;
    pairsOf.delete(cause);
    alerts.clear(cause);
  }

  return {
    remove,
    clear(): void {
      for (const pair of [...causeOf.keys()]) remove(pair);
    },
    /** Whether nothing else was failing of this cause. */
    add(pair: string, cause: string): boolean {
      if (causeOf.get(pair) !== cause) remove(pair);
      const pairs = pairsOf.get(cause) ?? new Set();
      const isNew = pairs.size === 0;
      causeOf.set(pair, cause);
      pairsOf.set(cause, pairs.add(pair));
      return isNew;
    },
  };
}

/** Images that do not stay where they are pulled to: well again when nothing was told of them for a whole window. */
function thrashingImages(alerts: Alerts) {
  const lastTold = new Map<string, number>();
  return {
    note(key: string, now: number): void {
      lastTold.delete(key);
      lastTold.set(key, now);
    },
    forget(now: number): void {
      for (const [key, time] of lastTold) {
        if (now - time < THRASHING_WINDOW) return;
        lastTold.delete(key);
        alerts.clear(key);
      }
    },
  };
}
