import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import { primaryOf } from "../images/group.ts";
import type { Image } from "../images/image.ts";
import type { NodeRecord } from "../nodes/node-record.ts";
import { hasNode, NO_NODES, type NodeSet, withoutNodes } from "../nodes/node-set.ts";
import { type NodeTable, namesOf, nodesToHave } from "../nodes/node-table.ts";
import { type Presence, presenceOf } from "../nodes/presence.ts";
import { isSameList } from "../same-list.ts";
import { alongside } from "./alongside.ts";
import type { NodeImage, NodeMissingImages, NodeStatus, PrepullImages } from "./answers.ts";

/** One image of the prepull set together with where it is and where it should be. */
export interface PlannedImage {
  readonly image: Image;
  readonly presence: Presence | null;
  /** The nodes that it belongs on. */
  readonly needed: NodeSet;
}

/** The prepull set's images as they stand with the nodes, in display order. */
export function plannedImages(
  entries: readonly CatalogEntry[],
  table: NodeTable,
  imageOf: (entry: CatalogEntry) => Image,
): readonly PlannedImage[] {
  return entries.map((entry) => ({
    image: imageOf(entry),
    presence: entry.digest === null ? null : presenceOf(table.presence, entry.digest),
    needed: nodesToHave(table, entry.tag.architecture),
  }));
}

/**
 * The prepull set with one image a digest (the set's first by the rule for the primary), the recommended one first,
 * the others in display order: what each node is to pull, and in which order.
 */
export function pullOrder(catalog: Catalog, recommendedTag: string): readonly CatalogEntry[] {
  const recommended = catalog.byTag.get(recommendedTag)?.digest ?? null;
  const seen = new Set<string>();
  const order: CatalogEntry[] = [];
  for (const { digest } of catalog.prepullSet) {
    if (digest === null || seen.has(digest)) continue;
    seen.add(digest);
    const group = (catalog.groups.get(digest) ?? []).filter((entry) => entry.inPrepullSet);
    const first = primaryOf(group.map((entry) => ({ entry, tag: entry.parsed, inPrepullSet: true })));
    if (first !== undefined) order.push(first.entry);
  }
  const places = new Map(catalog.prepullSet.map((entry, at) => [entry, at]));
  const placeOf = (entry: CatalogEntry): number =>
    entry.digest === recommended ? -1 : (places.get(entry) ?? places.size);
  return order.sort((a, b) => placeOf(a) - placeOf(b));
}

/** The prepull set without aliases whose target is in the set: what the status shows. */
export function shownInStatus(catalog: Catalog): readonly CatalogEntry[] {
  return catalog.prepullSet.filter(
    ({ aliasTarget }) => aliasTarget === null || catalog.byTag.get(aliasTarget)?.inPrepullSet !== true,
  );
}

/** So many lists are remembered at most; nodes that are being filled go through a few dozen. */
const MOST_PATTERNS = 4_096;

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
  if (patterns.lists >= MOST_PATTERNS) {
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
  /** Of the images that it is about, in their order. */
  readonly digests: readonly (string | null)[];
  readonly patterns: Patterns<T>;
  readonly made: readonly Entry[];
}

/**
 * For each eligible node what it lacks (docs/spec/look-ups.md); nodes that lack nothing are left out. What a node lacks
 * follows from its own record and the planned images alone: where both are as they were, so is the answer.
 */
export function missingByNode(
  table: NodeTable,
  planned: readonly PlannedImage[],
  earlier: NodeAnswerMemo<Image, NodeMissingImages> | null,
): NodeAnswerMemo<Image, NodeMissingImages> {
  const images = planned.map(({ image }) => image);
  const patterns = patternsOf(images, earlier?.patterns ?? null);
  const lacking = planned.map(({ needed, presence }) => withoutNodes(needed, presence?.nodes ?? NO_NODES));
  const findEntry = alongside(earlier?.made ?? [], ({ node }) => node);
  const findRecord = alongside(earlier?.records ?? [], ({ report }) => report.name);
  const digests = digestsOf(planned);
  const isAboutTheSame = earlier?.patterns === patterns && isSameList(earlier.digests, digests);
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
  return memoOf({ records: table.records, digests, patterns, made: missing }, earlier);
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
  const findStatus = alongside(earlier?.made ?? [], ({ name }) => name);
  const digests = digestsOf(planned);
  const findRecord = alongside(earlier?.records ?? [], ({ report }) => report.name);
  const isAboutTheSame = earlier?.patterns === patterns && isSameList(earlier.digests, digests);
  const statuses = table.records.map((record) => {
    const { name } = record.report;
    const before = findStatus(name);
    if (findRecord(name) === record && isAboutTheSame && before !== undefined) return before;
    const cached = listOf(patterns, present, record.slot);
    return before !== undefined && isSameStatus(before, record, cached) ? before : newStatus(record, cached);
  });
  return memoOf({ records: table.records, digests, patterns, made: statuses }, earlier);
}

function digestsOf(planned: readonly PlannedImage[]): readonly (string | null)[] {
  return planned.map(({ image }) => image.digest);
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
    const before = earlier.get(one.image.tag);
    const same =
      before?.planned.image === one.image &&
      before.planned.presence === one.presence &&
      before.planned.needed === one.needed;
    memos.set(one.image.tag, { planned: one, made: same ? before.made : nodeImageOf(table, one, before?.made) });
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
