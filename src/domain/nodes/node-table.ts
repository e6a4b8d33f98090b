import { canRun, type NodePlatform, type Runnable } from "../sets/platform.ts";
import {
  digestsOn,
  firstRecord,
  forEachDigest,
  isRepeated,
  isShown,
  markedRecord,
  type NodeRecord,
  type NodeRules,
  nextRecord,
  rejudged,
} from "./node-record.ts";
import type { NodeReport } from "./node-report.ts";
import { draftNodes, eitherNodes, hasNode, NO_NODES, type NodeSet, type NodeSetDraft, setNode } from "./node-set.ts";
import { editPresence, NO_PRESENCE, type PresenceIndex, type ReportedSize } from "./presence.ts";

const NOTHING: ReadonlyMap<string, number> = new Map();

/** The nodes of one set that run alike. */
interface PlatformNodes extends NodePlatform {
  readonly nodes: NodeSet;
}

/** The nodes of each set, by what they run. Shared between tables while nothing in it changes. */
type MemberNodes = readonly (readonly PlatformNodes[])[];

/** All nodes that some set selects, and where each digest is. Immutable; made by a NodeTableEditor. */
export interface NodeTable {
  readonly rules: NodeRules;
  /** By name, in code point order. */
  readonly records: readonly NodeRecord[];
  /** The record of each slot; holes where a node has left. */
  readonly bySlot: readonly (NodeRecord | undefined)[];
  readonly presence: PresenceIndex;
  readonly members: MemberNodes;
}

/** A table without nodes. */
export function emptyNodeTable(rules: NodeRules): NodeTable {
  return { rules, records: [], bySlot: [], presence: NO_PRESENCE, members: rules.sets.map(() => []) };
}

/** The node's record, or null. */
export function nodeNamed(table: NodeTable, name: string): NodeRecord | null {
  const at = placeOf(table.records, name);
  const found = table.records[at];
  return found?.report.name === name ? found : null;
}

/** The nodes of the set at this place that can run the image (docs/spec/sets.md 4.3). */
export function nodesToHave({ members }: NodeTable, set: number, image: Runnable): NodeSet {
  const able = (members[set] ?? []).filter((node) => canRun(node, image));
  return able.reduce<NodeSet>((all, { nodes }) => (all === NO_NODES ? nodes : eitherNodes(all, nodes)), NO_NODES);
}

/** What the nodes of the set at this place run, each once. */
export function platformsIn({ members }: NodeTable, set: number): readonly NodePlatform[] {
  return members[set] ?? [];
}

/** The table with other systems that the images of the sets are for; the same table where they are the same. */
export function withSystems(table: NodeTable, systems: readonly ReadonlySet<string>[]): NodeTable {
  const isSame = systems.every((own, at) => own.symmetricDifference(table.rules.systems[at] ?? new Set()).size === 0);
  if (isSame) return table;
  const rules = { ...table.rules, systems };
  const records = table.records.map((record) => rejudged(record, rules));
  const bySlot = table.bySlot.slice();
  for (const record of records) bySlot[record.slot] = record;
  return { ...table, rules, records, bySlot, members: memberNodes(records, rules) };
}

/** The names of the nodes in the set, in order. */
export function namesOf(table: NodeTable, nodes: NodeSet): readonly string[] {
  const names: string[] = [];
  for (const { slot, report } of table.records) if (hasNode(nodes, slot)) names.push(report.name);
  return names;
}

/** Collects changes to a table; `finish` gives the new one, and the one it started from stays as it was. */
export interface NodeTableEditor {
  /** One report, observed at a time in monotonic milliseconds. Another uid under the same name is another node. */
  report(report: NodeReport, observedAt: number): void;
  /** The node has left; with a uid, only that very node. */
  remove(name: string, uid: string | null): void;
  /** A mark that the digest is on the node; false where there is no such node. */
  mark(name: string, digest: string, markedAt: number): boolean;
  /** All other nodes have left: those of a whole list stay. */
  retain(names: ReadonlySet<string>): void;
  finish(): NodeTable;
}

/** Starts from `base`, which is not changed; a table to which nothing happens is given back as it is. */
export function editNodeTable(base: NodeTable): NodeTableEditor {
  const { rules } = base;
  const records = new Map<string, NodeRecord | null>();
  const bySlot = base.bySlot.slice();
  const freeSlots: number[] = [];
  for (let slot = bySlot.length - 1; slot >= 0; slot--) if (bySlot[slot] === undefined) freeSlots.push(slot);
  const presence = editPresence(base.presence);

  function current(name: string): NodeRecord | null {
    const edited = records.get(name);
    return edited === undefined ? nodeNamed(base, name) : edited;
  }

  function store(name: string, before: NodeRecord | null, after: NodeRecord | null): void {
    if (before !== null) bySlot[before.slot] = undefined;
    if (after !== null) bySlot[after.slot] = after;
    records.set(name, after);
    if (before === null && after !== null)
      forEachDigest(after, (digest, size) => presence.add(digest, after.slot, size));
    else movePresence(before, after);
  }

  function movePresence(before: NodeRecord | null, after: NodeRecord | null): void {
    const had = before === null ? NOTHING : digestsOn(before);
    const has = after === null ? NOTHING : digestsOn(after);
    for (const [digest, size] of has) {
      if (after !== null && had.get(digest) !== size) presence.add(digest, after.slot, size);
    }
    for (const [digest, size] of had) {
      if (before === null) continue;
      const now = has.get(digest);
      if (now === undefined) presence.remove(digest, before.slot, size, (nodes) => largest(nodes, digest));
      else if (now < size) {
        presence.remove(digest, before.slot, size, (nodes) => largest(nodes, digest));
        presence.add(digest, before.slot, now);
      }
    }
  }

  function largest(nodes: NodeSet, digest: string): ReportedSize {
    let sizeBytes = 0;
    let largestOn = 0;
    for (let slot = 0; slot < bySlot.length; slot++) {
      const record = bySlot[slot];
      if (record === undefined || !hasNode(nodes, slot)) continue;
      const size = sizeOn(record, digest);
      if (size > sizeBytes) largestOn = 0;
      sizeBytes = Math.max(size, sizeBytes);
      if (size === sizeBytes) largestOn += 1;
    }
    return { sizeBytes, largestOn };
  }

  function remove(name: string, uid: string | null): void {
    const before = current(name);
    if (before === null || (uid !== null && before.report.uid !== uid)) return;
    store(name, before, null);
    freeSlots.push(before.slot);
  }

  return {
    remove,
    report(report, observedAt) {
      if (!isShown(report, rules)) return remove(report.name, null);
      const before = current(report.name);
      if (before !== null && before.report.uid !== report.uid) remove(report.name, null);
      const same = before !== null && before.report.uid === report.uid ? before : null;
      if (same !== null && isRepeated(same, report)) return;
      const after =
        same === null
          ? firstRecord(report, freeSlots.pop() ?? bySlot.length, rules)
          : nextRecord(same, report, observedAt, rules, (digest) => presence.get(digest)?.sizeBytes ?? 0);
      store(report.name, same, after);
    },
    mark(name, digest, markedAt) {
      const before = current(name);
      if (before === null) return false;
      const after = markedRecord(before, digest, markedAt);
      if (after !== before) store(name, before, after);
      return true;
    },
    retain(names) {
      for (const { report } of base.records) if (!names.has(report.name)) remove(report.name, null);
      for (const name of records.keys()) if (!names.has(name)) remove(name, null);
    },
    finish() {
      if (records.size === 0) return base;
      const merged = mergeRecords(base.records, records);
      const members = nextMembers(base, records, merged);
      return { rules, records: merged, bySlot, presence: presence.finish(), members };
    },
  };
}

function sizeOn(record: NodeRecord, digest: string): number {
  let size = record.held.get(digest)?.sizeBytes ?? 0;
  for (const image of record.report.images) {
    if (image.digests.includes(digest)) size = Math.max(size, image.sizeBytes);
  }
  return size;
}

function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Where the name stands, or where it would. Node names are ASCII, so code units order as code points do. */
function placeOf(records: readonly NodeRecord[], name: string): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.report.name ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Old records with the edited ones put in their places: null takes a record out. */
function mergeRecords(
  old: readonly NodeRecord[],
  edited: ReadonlyMap<string, NodeRecord | null>,
): readonly NodeRecord[] {
  const names = [...edited.keys()].sort(byCodePoint);
  const merged: NodeRecord[] = [];
  let at = 0;
  for (const name of names) {
    for (let next = old[at]; next !== undefined && next.report.name < name; next = old[++at]) merged.push(next);
    if (old[at]?.report.name === name) at++;
    const record = edited.get(name);
    if (record) merged.push(record);
  }
  return merged.concat(old.slice(at));
}

function nextMembers(
  base: NodeTable,
  edited: ReadonlyMap<string, NodeRecord | null>,
  records: readonly NodeRecord[],
): MemberNodes {
  for (const [name, after] of edited) {
    if (!isSameStanding(nodeNamed(base, name), after)) return memberNodes(records, base.rules);
  }
  return base.members;
}

/** Whether a node stands with each set as before, and runs the same. */
function isSameStanding(before: NodeRecord | null, after: NodeRecord | null): boolean {
  if (!before?.eligible && !after?.eligible) return true;
  return (
    before?.slot === after?.slot &&
    before?.report.os === after?.report.os &&
    before?.report.architecture === after?.report.architecture &&
    before?.memberships.every(({ kind }, at) => (kind === "member") === (after?.memberships[at]?.kind === "member")) ===
      true
  );
}

function memberNodes(records: readonly NodeRecord[], { sets }: NodeRules): MemberNodes {
  return sets.map((_, at) => {
    const groups = new Map<string, NodePlatform & { readonly draft: NodeSetDraft }>();
    for (const { memberships, slot, report } of records) {
      if (memberships[at]?.kind !== "member") continue;
      const { os, architecture } = report;
      const key = `${os}/${architecture}`;
      const group = groups.get(key) ?? { os, architecture, draft: draftNodes(NO_NODES) };
      groups.set(key, group);
      setNode(group.draft, slot, true);
    }
    return [...groups.values()].map(({ os, architecture, draft }) => ({ os, architecture, nodes: draft.nodes }));
  });
}
