import type { NodeRecord } from "./node-record.ts";

/** What has become of nodes between two lists. A node that was made again under its name has left and joined. */
export interface NodeChanges {
  readonly joined: readonly NodeRecord[];
  readonly left: readonly NodeRecord[];
  /** Nodes that images do not belong on, where that or its reason is new; those that joined so included. */
  readonly excluded: readonly NodeRecord[];
  /** Nodes that were excluded and that images belong on again. */
  readonly eligibleAgain: readonly NodeRecord[];
  /** Nodes whose reports have begun to leave images out. */
  readonly truncated: readonly NodeRecord[];
}

type Lists = { readonly [Kind in keyof NodeChanges]: NodeRecord[] };

/** Compares two lists of records, each in the order of the names, in one walk along both. */
export function nodeChanges(before: readonly NodeRecord[], after: readonly NodeRecord[]): NodeChanges {
  const changes: Lists = { joined: [], left: [], excluded: [], eligibleAgain: [], truncated: [] };
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, now] = [before[i], after[j]];
    const order = compareNames(old, now);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
    if (old !== now) addChanges(changes, order <= 0 ? old : undefined, order >= 0 ? now : undefined);
  }
  return changes;
}

/** Negative where the first comes first; the end of a list comes last. */
function compareNames(a: NodeRecord | undefined, b: NodeRecord | undefined): number {
  if (a === undefined) return 1;
  if (b === undefined || a.report.name < b.report.name) return -1;
  return a.report.name === b.report.name ? 0 : 1;
}

function addChanges(changes: Lists, old: NodeRecord | undefined, now: NodeRecord | undefined): void {
  const isSameNode = old?.report.uid === now?.report.uid;
  if (old !== undefined && !isSameNode) changes.left.push(old);
  if (now === undefined) return;
  if (!isSameNode) changes.joined.push(now);
  const last = isSameNode ? old : undefined;
  if (!now.eligible && last?.comment !== now.comment) changes.excluded.push(now);
  if (now.eligible && last?.eligible === false) changes.eligibleAgain.push(now);
  if (now.truncated && last?.truncated !== true) changes.truncated.push(now);
}
