import { LabImagesError } from "../../domain/errors.ts";
import type { NodeRecord } from "../../domain/nodes/node-record.ts";
import type { NodeTable } from "../../domain/nodes/node-table.ts";
import { alongside } from "../../domain/snapshot/alongside.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { CoordinatorNews } from "../../machines/coordinator-events.ts";
import type { ImageState } from "../../machines/image-state.ts";
import type { Alerts, Clock, Logger, RefreshCause } from "../../ports.ts";

/** What of the news is counted. */
export interface NewsMetrics {
  refreshFinished(outcome: {
    readonly cause: RefreshCause;
    readonly outcome: "success" | "failure";
    readonly seconds: number;
  }): void;
  remoteTags(count: number): void;
}

/** After so many failures in a row a fault is told as an alert: it does not pass by itself. */
const LASTING_FAULT = 3;

/** Names of nodes in one line at most. */
const MOST_NAMES = 20;

/** Where the news go. */
export interface NewsDesk {
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly metrics: NewsMetrics;
  readonly clock: Clock;
}

/**
 * Tells an operator what happens, in the log, the metrics and the alerts: each change once, in words that say what to
 * do. A fault that lasts is one warning when it begins and one line when it is over, not a line each retry.
 */
export function operatorNews({ logger, alerts, metrics, clock }: NewsDesk) {
  let startedAt = clock.monotonicTime();
  let failures = 0;
  let seenNodes: NodeTable["records"] = [];

  function settled(news: Extract<CoordinatorNews, { type: "refresh.settled" }>, state: ImageState): void {
    const cause = news.cause ?? "SCHEDULED";
    const seconds = (clock.monotonicTime() - startedAt) / 1_000;
    metrics.refreshFinished({ cause, outcome: news.error === null ? "success" : "failure", seconds });
    if (news.error === null) succeeded(cause, seconds, state);
    else failed(news.error, cause, state);
  }

  function succeeded(cause: RefreshCause, seconds: number, { snapshot }: ImageState): void {
    if (snapshot === null) return;
    const { catalog, table, generation } = snapshot;
    metrics.remoteTags(catalog.entries.length);
    const counts = { generation, tags: catalog.entries.length, nodes: table.records.length };
    const missing = snapshot.missing().reduce((sum, { images }) => sum + images.length, 0);
    logger.info({ cause, ...counts, missing, seconds: Math.round(seconds * 1_000) / 1_000 }, "refreshed");
    if (failures > 0) logger.info({ cause, failures }, "the refresh works again: answers are up to date");
    failures = 0;
    alerts.clear("refresh");
  }

  function failed(error: Error, cause: RefreshCause, { snapshot }: ImageState): void {
    const reason = error instanceof LabImagesError ? error.reason : "INTERNAL";
    const consequence = snapshot === null ? "there is no answer yet" : "answers are stale until it works again";
    failures += 1;
    if (failures === 1)
      logger.warn({ cause, reason, err: error }, `the refresh has failed: ${consequence}; it is tried again`);
    else logger.debug({ cause, reason, failures, err: error }, "the refresh has failed again");
    if (failures < LASTING_FAULT) return;
    alerts.raise({ key: "refresh", message: `the refresh fails: ${error.message}`, details: { reason } });
  }

  function noteTruncation({ table }: Snapshot): void {
    if (table.records === seenNodes) return;
    const before = alongside(seenNodes, ({ report }) => report.name);
    const fresh = table.records.filter((record) => {
      const last = before(record.report.name);
      return last !== record && record.truncated && last?.truncated !== true;
    });
    const isOver = seenNodes.some(({ truncated }) => truncated) && !table.records.some(({ truncated }) => truncated);
    seenNodes = table.records;
    tellCut(fresh);
    if (fresh.length > 0) {
      const details = namesOf(fresh);
      alerts.raise({ key: "truncated-reports", message: "nodes report no complete list of their images", details });
    }
    if (isOver) alerts.clear("truncated-reports");
  }

  function tellCut(records: readonly NodeRecord[]): void {
    if (records.length === 0) return;
    const remedy = "raise nodeStatusMaxImages in the kubelets' configuration and in this service's";
    logger.warn(namesOf(records), `nodes report no complete list of their images: ${remedy}`);
  }

  return (news: CoordinatorNews, state: ImageState): void => {
    if (news.type === "refresh.started") startedAt = clock.monotonicTime();
    if (news.type === "refresh.settled") settled(news, state);
    if (news.type === "snapshot.replaced") noteTruncation(news.snapshot);
    if (news.type === "actor.broke") {
      logger.error({ actor: news.actor, err: news.error }, "an actor broke and is started anew: this is a defect");
      alerts.raise({ key: `actor:${news.actor}`, message: "an actor broke", details: { actor: news.actor } });
    }
  };
}

function namesOf(records: readonly NodeRecord[]): { readonly nodes: string; readonly count: number } {
  const names = records.slice(0, MOST_NAMES).map(({ report }) => report.name);
  return { nodes: names.join(", ") + (records.length > MOST_NAMES ? ", …" : ""), count: records.length };
}
