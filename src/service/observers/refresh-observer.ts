import { LabImagesError } from "../../domain/errors.ts";
import type { CoordinatorEmitted } from "../../machines/coordinator.ts";
import type { ImageState } from "../../machines/image-state.ts";
import { describeFaults, type RefreshFaults } from "../../machines/refresh.ts";
import type { Alerts, Clock, Logger, RefreshCause } from "../../ports.ts";

/** What is counted of refreshes. */
export interface RefreshMetrics {
  refreshFinished(outcome: {
    readonly cause: RefreshCause;
    readonly outcome: "success" | "failure";
    readonly seconds: number;
  }): void;
  remoteTags(count: number): void;
}

/** Failures in a row after which a source that fails is an alert: it does not heal by itself. */
const ALERT_AFTER = 3;

/** What an observer writes to. */
export interface RefreshObserverDeps {
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly metrics: RefreshMetrics;
  readonly clock: Clock;
}

type Settled = Extract<CoordinatorEmitted, { type: "refresh.settled" }>;

/**
 * Log, metrics and alerts of refreshes. A fault that lasts is one warning, another one with each change of a reason, and
 * one line when it is over; each source has its own reason and its own alert.
 */
export function createRefreshObserver({ logger, alerts, metrics, clock }: RefreshObserverDeps) {
  let startedAt = clock.monotonicTime();
  let lastReasons = "";
  const failures = { registry: 0, kubernetes: 0 };

  function settled({ cause: given, error, faults }: Settled, { snapshot, watchFault }: ImageState): void {
    const cause = given ?? "SCHEDULED";
    const seconds = (clock.monotonicTime() - startedAt) / 1_000;
    metrics.refreshFinished({ cause, outcome: error === null ? "success" : "failure", seconds });
    if (error !== null) failed(error, faults, cause, snapshot !== null);
    // A refresh that crashed has shown nothing of the sources.
    if (error === null || error instanceof LabImagesError) {
      noteSource("registry", faults.registry);
      noteSource("kubernetes", faults.kubernetes ?? watchFault);
    }
    if (error === null && snapshot !== null) succeeded(cause, seconds, snapshot);
  }

  function succeeded(cause: RefreshCause, seconds: number, snapshot: NonNullable<ImageState["snapshot"]>): void {
    const { catalogs, table, generation } = snapshot;
    const tags = catalogs.reduce((sum, { entries }) => sum + entries.length, 0);
    metrics.remoteTags(tags);
    const missing = snapshot.missing().reduce((sum, { images }) => sum + images.length, 0);
    const counts = { generation, tags, nodes: table.records.length, missing };
    logger.info({ cause, ...counts, seconds: Math.round(seconds * 1_000) / 1_000 }, "refreshed");
    lastReasons = "";
  }

  function failed(error: Error, faults: RefreshFaults, cause: RefreshCause, hasSnapshot: boolean): void {
    const reasons = describeFaults(faults) || error.message;
    const consequence = hasSnapshot ? "serving the last snapshot" : "no snapshot to serve yet";
    const level = reasons === lastReasons ? "debug" : "warn";
    logger[level]({ cause, err: error }, `refresh failed: ${reasons}; ${consequence}, retrying`);
    lastReasons = reasons;
  }

  /** The cluster is ok only if its nodes can be listed and watched. */
  function noteSource(name: "registry" | "kubernetes", fault: Error | null): void {
    const key = `source:${name}`;
    if (fault !== null) {
      failures[name] += 1;
      if (failures[name] < ALERT_AFTER) return;
      alerts.raise({ key, message: `${name} failing: ${fault.message}`, details: { reason: reasonOf(fault) } });
      return;
    }
    if (failures[name] > 0) logger.info({ source: name, failures: failures[name] }, `${name} ok again`);
    failures[name] = 0;
    alerts.clear(key, "a refresh has read it");
  }

  return {
    started(): void {
      startedAt = clock.monotonicTime();
    },
    settled,
  };
}

function reasonOf(fault: Error): string {
  return fault instanceof LabImagesError ? fault.reason : "INTERNAL";
}
