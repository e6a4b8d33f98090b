import type { Image } from "../images/image.ts";
import { hasNode, NO_NODES } from "../nodes/node-set.ts";
import { type NodeTable, nodeNamed } from "../nodes/node-table.ts";
import { presenceOf } from "../nodes/presence.ts";
import { isSameList } from "../same-list.ts";
import type { NodeMissingImages } from "../snapshot/answers.ts";
import { mergeCursor } from "../snapshot/merge-cursor.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import type { PullTarget } from "./pull.ts";

/** What is to be pulled to one node. */
export interface NodeWork {
  readonly node: string;
  readonly uid: string;
  /** At least one, in the order of the work. The same array while nothing differs. */
  readonly targets: readonly PullTarget[];
  /** The answer that it follows from. */
  readonly missing: NodeMissingImages;
}

/** All that is to be pulled. Immutable; the same object while the answers that it follows from and the nodes are. */
export interface PrepullWork {
  /** In the order of the names. The same array while nothing differs. */
  readonly nodes: readonly NodeWork[];
  /** How many images the sets want, one a digest. */
  readonly setSize: number;
  /** The digests of the first images of the sets, such as the recommended one: others wait for them. */
  readonly firsts: readonly string[];
  /** The nodes as they are, since one without work may leave, or report an image; null before the first snapshot. */
  readonly table: NodeTable | null;
}

/** What there is to do before anything is known. */
export const NO_WORK: PrepullWork = { nodes: [], setSize: 0, firsts: [], table: null };

/** What a snapshot leaves to be pulled; parts that are as they were in `previous` are taken from it. */
export function workOf(snapshot: Snapshot, previous: PrepullWork): PrepullWork {
  const { wanted, table } = snapshot;
  const firsts = wanted.sets.flatMap(({ first }) => first?.digest ?? []);
  const setSize = new Set(wanted.sets.flatMap(({ images }) => images.map(({ entry }) => entry.digest))).size;
  const targetsOf = targetMaker(new Set(firsts));
  const findBefore = mergeCursor(previous.nodes, ({ node }) => node);
  const findRecord = mergeCursor(table.records, ({ report }) => report.name);
  const isAboutTheSame = isSameList(firsts, previous.firsts);
  const nodes = snapshot.missing().map((entry) => {
    const uid = findRecord(entry.node)?.report.uid ?? "";
    const before = findBefore(entry.node) ?? null;
    if (isAboutTheSame && before?.missing === entry && before.uid === uid) return before;
    return nodeWork(entry, uid, before, targetsOf);
  });
  const same = previous.table !== null && setSize === previous.setSize && isSameList(nodes, previous.nodes);
  if (!same) return { setSize, firsts, table, nodes };
  return table === previous.table ? previous : { ...previous, table };
}

function nodeWork(
  missing: NodeMissingImages,
  uid: string,
  before: NodeWork | null,
  targetsOf: (images: readonly Image[]) => readonly PullTarget[],
): NodeWork {
  const targets = targetsOf(missing.images);
  const same = before !== null && isSameTargets(before.targets, targets);
  return { node: missing.node, uid, missing, targets: same ? before.targets : targets };
}

/** Nodes that lack the same images share the answer's list, so they share its targets too. */
function targetMaker(firsts: ReadonlySet<string>): (images: readonly Image[]) => readonly PullTarget[] {
  const made = new Map<readonly Image[], readonly PullTarget[]>();
  return (images) => {
    const known = made.get(images);
    if (known !== undefined) return known;
    const targets = images.flatMap(({ digest, pullReference, sizeBytes }) =>
      digest === null ? [] : [{ digest, reference: pullReference, sizeBytes, isRecommended: firsts.has(digest) }],
    );
    made.set(images, targets);
    return targets;
  };
}

function isSameTargets(a: readonly PullTarget[], b: readonly PullTarget[]): boolean {
  return a === b || (a.length === b.length && a.every((one, at) => isSameTarget(one, b[at])));
}

/** Whether the two are the same image under the same name, in the same role. */
export function isSameTarget(a: PullTarget, b: PullTarget | undefined): boolean {
  return (
    a.digest === b?.digest &&
    a.reference === b.reference &&
    a.sizeBytes === b.sizeBytes &&
    a.isRecommended === b.isRecommended
  );
}

/** The node's work; null where there is none. */
export function workOn({ nodes }: PrepullWork, name: string): NodeWork | null {
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((nodes[middle]?.node ?? "") < name) low = middle + 1;
    else high = middle;
  }
  const found = nodes[low];
  return found?.node === name ? found : null;
}

/** Names of the nodes whose work differs: those that have less to do first, since what they do must end. */
export function changedNodes(before: PrepullWork, after: PrepullWork): readonly string[] {
  if (before.nodes === after.nodes) return [];
  const ended: string[] = [];
  const changed: string[] = [];
  const findAfter = mergeCursor(after.nodes, ({ node }) => node);
  for (const work of before.nodes) {
    const now = findAfter(work.node);
    if (now === work) continue;
    if (now?.uid !== work.uid) ended.push(work.node);
    else if (now.targets !== work.targets) changed.push(work.node);
  }
  const findBefore = mergeCursor(before.nodes, ({ node }) => node);
  for (const { node } of after.nodes) if (findBefore(node) === undefined) changed.push(node);
  return [...ended, ...changed];
}

/** Whether this pair of node and image is still to be pulled. */
export function wantedPairs(work: PrepullWork): (uid: string, digest: string) => boolean {
  const byUid = new Map<string, NodeWork>();
  for (const node of work.nodes) byUid.set(node.uid, node);
  return (uid, digest) => byUid.get(uid)?.targets.some((target) => target.digest === digest) === true;
}

/** Whether no other image is to be pulled anywhere. */
export function isOnlyImage({ nodes }: PrepullWork, digest: string): boolean {
  return nodes.every(({ targets }) => targets.every((target) => target.digest === digest));
}

/** Whether the image is on this very node. */
export function isOnNode({ table }: Pick<PrepullWork, "table">, node: string, uid: string, digest: string): boolean {
  const record = table === null ? null : nodeNamed(table, node);
  if (table === null || record?.report.uid !== uid) return false;
  return hasNode(presenceOf(table.presence, digest)?.nodes ?? NO_NODES, record.slot);
}

/** Why a node has no longer anything to do. */
export type WorkEnd = { readonly kind: "left" | "done" } | { readonly kind: "ineligible"; readonly comment: string };

/** Why this very node has no work: it has left (or was made again), is not eligible, or has all that belongs on it. */
export function endOfWork({ table }: PrepullWork, node: string, uid: string): WorkEnd {
  const record = table === null ? null : nodeNamed(table, node);
  if (record === null || record.report.uid !== uid) return { kind: "left" };
  if (!record.eligible) return { kind: "ineligible", comment: record.comment ?? "" };
  return { kind: "done" };
}
