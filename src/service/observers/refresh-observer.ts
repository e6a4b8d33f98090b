import { LabImagesError } from "../../domain/errors.ts";
import { sourceLabel } from "../../domain/source-label.ts";
import type { CoordinatorEmitted } from "../../machines/coordinator.ts";
import type { ImageState } from "../../machines/image-state.ts";
import { describeFaults, type RefreshFaults } from "../../machines/refresh.ts";
import { failedSources } from "../../machines/source-health.ts";
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
 * one line when it is over; each source has its own reason and its own alert. A source of images that fails while others
 * do not has a line of its own: the refresh has succeeded.
 */
export function createRefreshObserver({ logger, alerts, metrics, clock }: RefreshObserverDeps) {
  let startedAt = clock.monotonicTime();
  let lastReasons = "";
  /** What lasts, by source: how many refreshes in a row, and the latest reason. */
  const lasting = new Map<string, { readonly failures: number; readonly reason: string }>();

  function settled({ cause: given, error, faults }: Settled, state: ImageState): void {
    const { snapshot } = state;
    const cause = given ?? "SCHEDULED";
    const seconds = (clock.monotonicTime() - startedAt) / 1_000;
    metrics.refreshFinished({ cause, outcome: error === null ? "success" : "failure", seconds });
    if (error !== null) failed(error, faults, cause, snapshot !== null);
    // A refresh that crashed has shown nothing of the sources.
    if (error === null || error instanceof LabImagesError) noteSources(state);
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

  /** A source of images that was not due is as it was: none that has failed is left out of a refresh. */
  function noteSources(state: ImageState): void {
    const failed = new Map(failedSources(state).map(({ source, error }) => [source, error]));
    for (const each of state.sources) {
      const label = sourceLabel(each, state.sources);
      // The cluster is ok only if its nodes can be listed and watched.
      if (each.name === "kubernetes") noteSource(label, state.refreshFaults.kubernetes ?? state.watchFault);
      else {
        const fault = failed.get(each.source) ?? null;
        // Where all have failed, the line of the refresh has named each with its reason.
        if (fault !== null && state.refreshFaults.registry === null) failedAlone(label, each.source, fault, state);
        noteSource(label, fault);
      }
    }
  }

  function failedAlone(label: string, source: string, fault: Error, { snapshot }: ImageState): void {
    const hasImages = snapshot?.catalogs.some((catalog) => catalog.source.name === source) === true;
    const consequence = hasImages ? "serving its last images" : "no images of it to serve yet";
    const level = fault.message === lasting.get(label)?.reason ? "debug" : "warn";
    logger[level]({ source: label, err: fault }, `${label} failed: ${fault.message}; ${consequence}, retrying`);
  }

  function noteSource(name: string, fault: Error | null): void {
    const key = `source:${name}`;
    const before = lasting.get(name)?.failures ?? 0;
    if (fault !== null) {
      const failures = before + 1;
      lasting.set(name, { failures, reason: fault.message });
      if (failures < ALERT_AFTER) return;
      alerts.raise({ key, message: `${name} failing: ${fault.message}`, details: { reason: reasonOf(fault) } });
      return;
    }
    if (before > 0) logger.info({ source: name, failures: before }, `${name} ok again`);
    lasting.delete(name);
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
