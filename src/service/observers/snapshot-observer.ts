import { setChanges, wantedTags } from "../../domain/images/set-changes.ts";
import { type NodeChanges, nodeChanges } from "../../domain/nodes/node-changes.ts";
import type { NodeRecord } from "../../domain/nodes/node-record.ts";
import type { Problem, ProblemReason } from "../../domain/snapshot/problems.ts";
import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import { quotePeer } from "../../lib/redact.ts";
import type { Alerts, Clock, Logger } from "../../ports.ts";

/** Milliseconds that changes are gathered before they are logged. */
const GATHER_MS = 1_000;
/** Most names in one line. */
const MAX_NAMES = 20;
/** Most reasons of exclusion, each a line, at a time. */
const MAX_REASONS = 10;

/** What has been observed where a problem is over. */
const OVER: Readonly<Record<ProblemReason, string>> = {
  RECOMMENDED_TAG_MISSING: "the registry has the tag",
  PINNED_TAG_MISSING: "the registry has the tag",
  RULE_UNMET: "the rule finds what it names",
  TAGS_WITHHELD: "no tag is withheld",
  NO_NODES: "a node matches",
  NO_ELIGIBLE_NODES: "a node is eligible",
  IMAGE_LIMIT_DIFFERS: "no node reports more images than the limit",
  LEASE_SHARED: "the lease names no other installation",
  PODS_REFUSED: "the API server accepts pods",
};

/** What an observer writes to. */
export interface SnapshotObserverDeps {
  readonly logger: Logger;
  readonly alerts: Alerts;
  readonly clock: Clock;
}

/** Follows the snapshots of the service. */
export interface SnapshotObserver {
  replaced(snapshot: Snapshot): void;
  stop(): void;
}

/**
 * Logs what changes from snapshot to snapshot, gathered for a second: nodes that join, leave, are excluded or become
 * eligible again, and the prepull set; one line for each kind of change. Raises and clears the alerts of truncated reports
 * and of what the configuration asks for and cannot be had.
 */
export function createSnapshotObserver({ logger, alerts, clock }: SnapshotObserverDeps): SnapshotObserver {
  let seen: Snapshot | null = null;
  let latest: Snapshot | null = null;
  let raised: ReadonlyMap<string, Problem> = new Map();
  let cancel: (() => void) | null = null;

  function report(): void {
    cancel = null;
    if (latest === null || latest === seen) return;
    if (latest.table.records !== seen?.table.records) reportNodes(seen, latest);
    if (seen !== null && latest.wanted !== seen.wanted) reportSets(seen, latest);
    reportProblems(latest.problems());
    seen = latest;
  }

  function reportNodes(before: Snapshot | null, after: Snapshot): void {
    const changes = nodeChanges(before?.table.records ?? [], after.table.records);
    // At the start all nodes are new, and counted in the line of the refresh.
    if (before !== null) logNames("nodes joined", changes.joined);
    logNames("nodes left (deleted, or no longer selected)", changes.left);
    logExcluded(changes.excluded);
    logNames("nodes eligible again", changes.eligibleAgain);
    reportTruncated(changes, before, after);
  }

  function logNames(message: string, records: readonly NodeRecord[], fields: Readonly<Record<string, string>> = {}) {
    if (records.length > 0) logger.info({ ...namesOf(records), ...fields }, message);
  }

  function logExcluded(records: readonly NodeRecord[]): void {
    const byReason = [...Map.groupBy(records, ({ comment }) => comment ?? "")];
    for (const [reason, nodes] of byReason.slice(0, MAX_REASONS))
      logNames("nodes excluded", nodes, { reason: quotePeer(reason) });
    const rest = byReason.slice(MAX_REASONS).flatMap(([, nodes]) => nodes);
    logNames("nodes excluded", rest, { reason: "various" });
  }

  function reportTruncated({ truncated }: NodeChanges, before: Snapshot | null, after: Snapshot): void {
    const isOver =
      before?.table.records.some((record) => record.truncated) === true &&
      !after.table.records.some((record) => record.truncated);
    if (isOver) alerts.clear("truncated-reports", "no node's report is cut");
    if (truncated.length === 0) return;
    const message = "nodes report as many images as nodeStatusMaxImages allows, and may leave smaller ones out";
    logger.warn(namesOf(truncated), `${message}: raise it in the kubelets' configuration and in this service's`);
    alerts.raise({ key: "truncated-reports", message, details: namesOf(truncated) });
  }

  function reportSets(before: Snapshot, after: Snapshot): void {
    for (const now of after.wanted.sets) {
      const { name, order } = now.set;
      const last = before.wanted.sets.find(({ set }) => set.name === name);
      if (last === undefined) continue;
      const { added, removed, moved, first } = setChanges(last, now);
      const set = after.wanted.sets.length === 1 ? {} : { set: name };
      if (added.length + removed.length + moved.length > 0) {
        const lists = { added: listOf(added), removed: listOf(removed), moved: listOf(moved) };
        logger.info({ ...set, ...lists, size: wantedTags(now) }, "prepull set changed");
      }
      if (first !== null) {
        const message = order === "display" ? "recommended image moved" : "first image moved";
        logger.info({ ...set, ...first }, message);
      }
    }
  }

  /** The alert is the line of the log; one that lasts is none again, but a line where its message changes. */
  function reportProblems(problems: readonly Problem[]): void {
    const current = new Map(problems.map((problem) => [`problem:${problem.reason}:${problem.tag}`, problem]));
    const hasNodes = !problems.some(({ reason }) => reason === "NO_NODES");
    for (const [key, { reason }] of raised) {
      if (current.has(key)) continue;
      // Nodes that have gone have not become eligible.
      if (reason === "NO_ELIGIBLE_NODES" && !hasNodes) alerts.forget(key);
      else alerts.clear(key, OVER[reason]);
    }
    for (const [key, { reason, message }] of current) {
      const before = raised.get(key);
      if (before === undefined) alerts.raise({ key, message, details: { reason } });
      else if (before.message !== message) logger.warn({ alert: key, reason }, message);
    }
    raised = current;
  }

  return {
    replaced(snapshot) {
      latest = snapshot;
      cancel ??= clock.schedule(GATHER_MS, report);
    },
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}

function namesOf(records: readonly NodeRecord[]): { readonly nodes: string; readonly count: number } {
  return { nodes: listOf(records.map(({ report }) => report.name)), count: records.length };
}

function listOf(names: readonly string[]): string {
  return names.slice(0, MAX_NAMES).join(", ") + (names.length > MAX_NAMES ? ", …" : "");
}
