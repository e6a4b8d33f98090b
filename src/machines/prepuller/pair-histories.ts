import { type NodeTable, nodeNamed } from "../../domain/nodes/node-table.ts";
import {
  interruptedTask,
  type KnownHistory,
  missingCause,
  type PairHistory,
  type PrepullTask,
  type Times,
} from "../../domain/prepull/prepull-tasks.ts";
import type { PullTarget } from "../../domain/prepull/pull.ts";
import { rememberPull } from "../../domain/prepull/thrashing.ts";
import { type BucketMap, valueAt, withValue } from "../../domain/snapshot/bucket-map.ts";

/** Pairs of a node and an image that something is remembered of, at most: what is older is forgotten. */
const MAX_HISTORIES = 65_536;

/** The part of the prepuller's state that is read here. */
interface PairMemory {
  readonly histories: BucketMap<PairHistory>;
  readonly work: { readonly table: NodeTable | null };
  readonly now: () => Times;
}

/** What is remembered of the pairs of this node and these images. */
export function historiesOf(
  { histories, work: { table } }: Pick<PairMemory, "histories" | "work">,
  node: string,
  uid: string,
  targets: readonly PullTarget[],
): ReadonlyMap<string, KnownHistory> {
  const found = new Map<string, KnownHistory>();
  for (const { digest } of targets) {
    const history = valueAt(histories, pairKey(uid, digest));
    if (history !== null) found.set(digest, { ...history, missingCause: causeOn(table, node) });
  }
  return found;
}

function causeOn(table: NodeTable | null, node: string): string {
  const images = table === null ? 0 : (nodeNamed(table, node)?.report.images.length ?? 0);
  return missingCause(images, table?.rules.nodeStatusMaxImages ?? 0);
}

/** The histories after the work of this node was interrupted. */
export function rememberTasks(
  histories: BucketMap<PairHistory>,
  uid: string,
  tasks: readonly PrepullTask[],
): BucketMap<PairHistory> {
  return tasks.reduce((all, task) => {
    const kept = interruptedTask(task);
    if (kept === null) return all;
    const pulledAt = valueAt(all, pairKey(uid, task.digest))?.pulledAt ?? [];
    return withValue(all, pairKey(uid, task.digest), { task: kept, pulledAt }, MAX_HISTORIES);
  }, histories);
}

/** The histories after one more pull of the image to the node. */
export function rememberSuccess(
  { histories, now }: Pick<PairMemory, "histories" | "now">,
  uid: string,
  digest: string,
) {
  const pulledAt = rememberPull(valueAt(histories, pairKey(uid, digest))?.pulledAt ?? [], now().monotonic);
  return withValue(histories, pairKey(uid, digest), { task: null, pulledAt }, MAX_HISTORIES);
}

/** The key of one image on one node. */
export function pairKey(uid: string, digest: string): string {
  return `${uid} ${digest}`;
}
