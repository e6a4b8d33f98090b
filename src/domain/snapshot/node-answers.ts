import type { Image } from "../images/image.ts";
import type { NodeRecord } from "../nodes/node-record.ts";
import { hasNode, NO_NODES, type NodeSet, sameNodes, withoutNodes } from "../nodes/node-set.ts";
import { type NodeTable, namesOf } from "../nodes/node-table.ts";
import type { Presence } from "../nodes/presence.ts";
import { isSameList } from "../same-list.ts";
import type { NodeImage, NodeMissingImages, NodeStatus, PrepullImages } from "./answers.ts";
import { mergeCursor } from "./merge-cursor.ts";

/** One image of the prepull set together with where it is and where it should be. */
export interface PlannedImage {
  readonly image: Image;
  readonly presence: Presence | null;
  /** The nodes that it belongs on. */
  readonly needed: NodeSet;
}

/** One image to pull, with the place of the first set that wants it on the nodes that need it. */
export interface PlannedPull extends PlannedImage {
  readonly set: number;
}

/** Lists that are remembered at most; nodes that are being filled go through a few dozen. */
const MAX_PATTERNS = 4_096;

/**
 * Nodes share one list where the same of `of` apply to them. The lists hang in a tree with a level for each of `of` and
 * two branches, for those to which it applies and the others: it finds a node's list without making a key for it, which
 * would be half of the work that one changed node causes.
 */
interface Patterns<T> {
  readonly of: readonly T[];
  root: PatternBranch<T>;
  /** Lists in the tree. */
  lists: number;
}

interface PatternBranch<T> {
  applies: PatternBranch<T> | null;
  not: PatternBranch<T> | null;
  list: readonly T[] | null;
}

function newBranch<T>(): PatternBranch<T> {
  return { applies: null, not: null, list: null };
}

/** The patterns of `earlier` where they are of the very same things, else new ones. */
function patternsOf<T>(things: readonly T[], earlier: Patterns<T> | null): Patterns<T> {
  return earlier !== null && isSameList(earlier.of, things) ? earlier : { of: things, root: newBranch(), lists: 0 };
}

/** Those of `patterns.of` in whose set the slot is; `sets` has one set for each. */
function listOf<T>(patterns: Patterns<T>, sets: readonly NodeSet[], slot: number): readonly T[] {
  let branch = patterns.root;
  for (const set of sets) {
    if (hasNode(set, slot)) branch = branch.applies ??= newBranch();
    else branch = branch.not ??= newBranch();
  }
  if (branch.list !== null) return branch.list;
  if (patterns.lists >= MAX_PATTERNS) {
    patterns.root = newBranch();
    patterns.lists = 0;
  }
  patterns.lists += 1;
  branch.list = patterns.of.filter((_, at) => hasNode(sets[at] ?? NO_NODES, slot));
  return branch.list;
}

/** An answer that has something to say of nodes, with what it was made from. */
export interface NodeAnswerMemo<T, Entry> {
  /** The nodes, in the order of their names, as the answer's entries are. */
  readonly records: readonly NodeRecord[];
  /** What, besides a node's record, its entry follows from: digests of the images, and the sets that want them. */
  readonly basis: readonly (string | number | null)[];
  readonly patterns: Patterns<T>;
  readonly made: readonly Entry[];
}

/**
 * For each eligible node what it lacks (docs/spec/look-ups.md); nodes that lack nothing are left out. What a node lacks
 * follows from its own record and the planned images alone: where both are as they were, so is the answer.
 */
export function missingByNode(
  table: NodeTable,
  planned: readonly PlannedPull[],
  earlier: NodeAnswerMemo<Image, NodeMissingImages> | null,
): NodeAnswerMemo<Image, NodeMissingImages> {
  const images = planned.map(({ image }) => image);
  const patterns = patternsOf(images, earlier?.patterns ?? null);
  const lacking = planned.map(({ needed, presence }) => withoutNodes(needed, presence?.nodes ?? NO_NODES));
  const findEntry = mergeCursor(earlier?.made ?? [], ({ node }) => node);
  const findRecord = mergeCursor(earlier?.records ?? [], ({ report }) => report.name);
  const basis = planned.flatMap(({ image: { digest }, set }) => [digest, set]);
  const isAboutTheSame = earlier?.patterns === patterns && isSameList(earlier.basis, basis);
  const missing: NodeMissingImages[] = [];
  for (const record of table.records) {
    const { name } = record.report;
    const before = findEntry(name);
    if (findRecord(name) === record && isAboutTheSame) {
      if (before !== undefined) missing.push(before);
      continue;
    }
    const lacked = record.eligible ? listOf(patterns, lacking, record.slot) : [];
    if (lacked.length === 0) continue;
    missing.push(before !== undefined && isSameList(before.images, lacked) ? before : { node: name, images: lacked });
  }
  return memoOf({ records: table.records, basis, patterns, made: missing }, earlier);
}

/** Every node, with those of the images that are on it; what does not differ is taken over as `missingByNode` does. */
export function nodeStatuses(
  table: NodeTable,
  planned: readonly PlannedImage[],
  earlier: NodeAnswerMemo<string, NodeStatus> | null,
): NodeAnswerMemo<string, NodeStatus> {
  const references = planned.map(({ image }) => image.reference);
  const patterns = patternsOf(references, earlier?.patterns ?? null);
  const present = planned.map(({ presence }) => presence?.nodes ?? NO_NODES);
  const findStatus = mergeCursor(earlier?.made ?? [], ({ name }) => name);
  const basis = planned.map(({ image }) => image.digest);
  const findRecord = mergeCursor(earlier?.records ?? [], ({ report }) => report.name);
  const isAboutTheSame = earlier?.patterns === patterns && isSameList(earlier.basis, basis);
  const statuses = table.records.map((record) => {
    const { name } = record.report;
    const before = findStatus(name);
    if (findRecord(name) === record && isAboutTheSame && before !== undefined) return before;
    const cached = listOf(patterns, present, record.slot);
    return before !== undefined && isSameStatus(before, record, cached) ? before : newStatus(record, cached);
  });
  return memoOf({ records: table.records, basis, patterns, made: statuses }, earlier);
}

/** With the earlier list itself where that holds the very same things. */
function memoOf<T, Entry>(
  memo: NodeAnswerMemo<T, Entry>,
  earlier: NodeAnswerMemo<T, Entry> | null,
): NodeAnswerMemo<T, Entry> {
  return earlier !== null && isSameList(earlier.made, memo.made) ? { ...memo, made: earlier.made } : memo;
}

function isSameStatus(before: NodeStatus, record: NodeRecord, cached: readonly string[]): boolean {
  return (
    isSameList(before.cached, cached) &&
    before.eligible === record.eligible &&
    before.comment === record.comment &&
    before.imagesTruncated === record.truncated
  );
}

function newStatus({ report, eligible, comment, truncated }: NodeRecord, cached: readonly string[]): NodeStatus {
  return { name: report.name, eligible, comment, cached, imagesTruncated: truncated };
}

/** One entry of the status's images, with what it rests on. */
export interface NodeImageMemo {
  readonly planned: PlannedImage;
  /** The nodes whose slots the sets of nodes are of. */
  readonly members: NodeTable["members"];
  readonly made: NodeImage;
}

/** Each image with its nodes and those that it belongs on and lacks. */
export function nodeImages(
  table: NodeTable,
  planned: readonly PlannedImage[],
  earlier: ReadonlyMap<string, NodeImageMemo>,
): ReadonlyMap<string, NodeImageMemo> {
  const memos = new Map<string, NodeImageMemo>();
  for (const one of planned) {
    const key = `${one.image.source}:${one.image.tag}`;
    const before = earlier.get(key);
    const same =
      before?.planned.image === one.image &&
      before.planned.presence === one.presence &&
      before.members === table.members &&
      sameNodes(before.planned.needed, one.needed);
    memos.set(key, {
      planned: one,
      members: table.members,
      made: same ? before.made : nodeImageOf(table, one, before?.made),
    });
  }
  return memos;
}

function nodeImageOf(
  table: NodeTable,
  { image, presence, needed }: PlannedImage,
  before: NodeImage | undefined,
): NodeImage {
  const nodes = presence?.nodes ?? NO_NODES;
  const missing: string[] = [];
  for (const { slot, report } of table.records) {
    if (hasNode(needed, slot) && !hasNode(nodes, slot)) missing.push(report.name);
  }
  const made = { image, nodes: namesOf(table, nodes), missing };
  const same =
    before?.image === image && isSameList(before.nodes, made.nodes) && isSameList(before.missing, made.missing);
  return same ? before : made;
}

/** Splits the status's images into those that are on all nodes that they belong on, and the others. */
export function splitByProgress(images: readonly NodeImage[]): PrepullImages {
  return {
    prepulled: images.filter(({ image }) => image.prepulled),
    pending: images.filter(({ image }) => !image.prepulled),
  };
}
