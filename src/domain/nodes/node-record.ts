import { exclusionOf, type Membership, membershipOf, type SetNodes } from "../sets/membership.ts";
import { isSelected } from "../sets/node-selection.ts";
import { drainOf } from "./draining.ts";
import type { NodeReport, ReportedImage } from "./node-report.ts";

/** How long an image stays present while reports cannot decide, in ms: 30 minutes (docs/spec/nodes.md). */
export const STALE_PRESENCE_TTL_MS = 30 * 60_000;

/** The rules by which reports are read; they come from the configuration. */
export interface NodeRules {
  /** Which nodes each set has, in the order of the sets. */
  readonly sets: readonly SetNodes[];
  /** For each set the systems besides Linux that its images are for. */
  readonly systems: readonly ReadonlySet<string>[];
  /** The kubelet's `nodeStatusMaxImages`: a list of this length may be cut. Negative: no list ever is. */
  readonly nodeStatusMaxImages: number;
  /** Milliseconds for which a mark stands against reports that do not show it. */
  readonly markGrace: number;
  /** Whether nodes that are being drained are ineligible although their taints are tolerated: where nothing is pulled to them. */
  readonly excludesDrained: boolean;
}

/** An image that is taken to be on a node although the node's last report does not show it. */
export interface HeldImage {
  /** When it was marked as pulled (monotonic milliseconds); null where an earlier report showed it. */
  readonly markedAt: number | null;
  /** Since when reports are incomplete (monotonic milliseconds); null while only the mark's grace runs. */
  readonly unreportedSince: number | null;
  /** Bytes as nodes reported it; 0 where none did. */
  readonly sizeBytes: number;
}

/** All that is known of one node. Immutable. */
export interface NodeRecord {
  readonly report: NodeReport;
  /** Place in the node sets; a place is given to another node only after this one has left. */
  readonly slot: number;
  /** Where it stands with each set. */
  readonly memberships: readonly Membership[];
  /** Whether it is one of some set's nodes. */
  readonly eligible: boolean;
  /** Why it is in no set though one selects it, or null. */
  readonly comment: string | null;
  /** Beyond what the report shows: marks, and what an incomplete report leaves open. By digest. */
  readonly held: ReadonlyMap<string, HeldImage>;
  /** Whether the last report is incomplete. */
  readonly truncated: boolean;
}

const LINUX_ALONE: ReadonlySet<string> = new Set();
const NOTHING_HELD: ReadonlyMap<string, HeldImage> = new Map();

/** A new node as its first report has it. */
export function firstRecord(report: NodeReport, slot: number, rules: NodeRules): NodeRecord {
  const truncated = isAtLimit(report, rules);
  return { report, slot, ...judge(report, rules), held: NOTHING_HELD, truncated };
}

/**
 * The record after one more report of the same node (docs/spec/nodes.md and look-ups.md): what the report shows is
 * there; what it leaves out is gone, unless the report cannot decide, or a mark is younger than its grace. An empty report
 * is complete: a kubelet that cannot list its images repeats its last list (field case F74).
 * `sizeOf` gives the largest size that any node reports for a digest.
 */
export function nextRecord(
  before: NodeRecord,
  report: NodeReport,
  observedAt: number,
  rules: NodeRules,
  sizeOf: (digest: string) => number,
): NodeRecord {
  const truncated = isAtLimit(report, rules);
  const held = stillHeld(before, report, observedAt, rules, { truncated, sizeOf });
  return { report, slot: before.slot, ...judge(report, rules), held, truncated };
}

/** The record as other rules have it. */
export function rejudged(record: NodeRecord, rules: NodeRules): NodeRecord {
  return { ...record, ...judge(record.report, rules) };
}

/** Whether some set selects the node: others are not shown. */
export function isShown(report: NodeReport, { sets }: NodeRules): boolean {
  return sets.some((set) => isSelected(report.labels, set));
}

function judge(
  report: NodeReport,
  { sets, systems, excludesDrained }: NodeRules,
): Pick<NodeRecord, "memberships" | "eligible" | "comment"> {
  const drain = excludesDrained ? drainOf(report) : null;
  const memberships = sets.map((set, at): Membership => {
    const membership = membershipOf(report, set, systems[at] ?? LINUX_ALONE);
    return membership.kind === "member" && drain !== null ? { kind: "excluded", comment: drain } : membership;
  });
  const comment = exclusionOf(memberships);
  return { memberships, eligible: memberships.some(({ kind }) => kind === "member"), comment };
}

/** The record with a mark, or the same record where the report shows the image anyway. */
export function markedRecord(before: NodeRecord, digest: string, markedAt: number): NodeRecord {
  if (before.report.images.some((image) => image.digests.includes(digest))) return before;
  const sizeBytes = before.held.get(digest)?.sizeBytes ?? 0;
  const held = new Map(before.held).set(digest, { markedAt, unreportedSince: null, sizeBytes });
  return { ...before, held };
}

/** Every digest that is taken to be on the node, with its size in bytes as this node reported it (0: never). */
export function digestsOn(record: NodeRecord): ReadonlyMap<string, number> {
  const sizes = reportedSizes(record.report.images);
  for (const [digest, { sizeBytes }] of record.held) if (!sizes.has(digest)) sizes.set(digest, sizeBytes);
  return sizes;
}

/** Visits what `digestsOn` answers, but a digest that stands in several entries with the size of each, and builds nothing. */
export function forEachDigest({ report, held }: NodeRecord, visit: (digest: string, sizeBytes: number) => void): void {
  for (const { digests, sizeBytes } of report.images) for (const digest of digests) visit(digest, sizeBytes);
  for (const [digest, { sizeBytes }] of held) visit(digest, sizeBytes);
}

/** Whether `report` says nothing that `record` does not hold already, so that nothing follows from it. */
export function isRepeated(record: NodeRecord, report: NodeReport): boolean {
  const last = record.report;
  return (
    record.held.size === 0 &&
    last.architecture === report.architecture &&
    last.os === report.os &&
    last.createdAt === report.createdAt &&
    last.notReadySince === report.notReadySince &&
    isSameLabels(last.labels, report.labels) &&
    last.taints.length === report.taints.length &&
    last.images.length === report.images.length &&
    last.taints.every((taint, at) => isSameTaint(taint, report.taints[at])) &&
    last.images.every((image, at) => isSameImage(image, report.images[at]))
  );
}

function isSameLabels(a: NodeReport["labels"], b: NodeReport["labels"]): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

function isSameTaint(a: NodeReport["taints"][number], b: NodeReport["taints"][number] | undefined): boolean {
  return a === b || (b !== undefined && a.key === b.key && a.value === b.value && a.effect === b.effect);
}

function isSameImage(a: ReportedImage, b: ReportedImage | undefined): boolean {
  if (a === b) return true;
  return (
    b !== undefined &&
    a.sizeBytes === b.sizeBytes &&
    a.digests.length === b.digests.length &&
    a.digests.every((digest, at) => digest === b.digests[at])
  );
}

/** A list of just as many entries as the limit may be cut; a longer one shows that the kubelet has another limit (field case F26). */
function isAtLimit(report: NodeReport, rules: NodeRules): boolean {
  return report.images.length === rules.nodeStatusMaxImages;
}

/** Whether the node reports more images than its kubelet could with the limit that is configured here. */
export function exceedsLimit({ report }: NodeRecord, { nodeStatusMaxImages }: NodeRules): boolean {
  return nodeStatusMaxImages >= 0 && report.images.length > nodeStatusMaxImages;
}

interface Doubt {
  readonly truncated: boolean;
  readonly sizeOf: (digest: string) => number;
}

function stillHeld(
  before: NodeRecord,
  report: NodeReport,
  observedAt: number,
  rules: NodeRules,
  doubt: Doubt,
): ReadonlyMap<string, HeldImage> {
  if (!doubt.truncated && before.held.size === 0) return NOTHING_HELD;
  const shown = reportedSizes(report.images);
  const smallest = report.images.reduce((least, image) => Math.min(least, image.sizeBytes), Number.POSITIVE_INFINITY);
  const held = new Map<string, HeldImage>();
  for (const [digest, ownSize] of digestsOn(before)) {
    if (shown.has(digest)) continue;
    const sizeBytes = ownSize > 0 ? ownSize : doubt.sizeOf(digest);
    const isUnreported = doubt.truncated && (sizeBytes === 0 || sizeBytes <= smallest);
    const kept = keepHeld(before.held.get(digest), ownSize, isUnreported, observedAt, rules.markGrace);
    if (kept !== null) held.set(digest, kept);
  }
  return held.size === 0 ? NOTHING_HELD : held;
}

function keepHeld(
  before: HeldImage | undefined,
  sizeBytes: number,
  isUnreported: boolean,
  observedAt: number,
  markGrace: number,
): HeldImage | null {
  const markedAt = before?.markedAt ?? null;
  if (markedAt !== null && observedAt - markedAt < markGrace) return { markedAt, unreportedSince: null, sizeBytes };
  if (!isUnreported) return null;
  const unreportedSince = before?.unreportedSince ?? observedAt;
  return observedAt - unreportedSince < STALE_PRESENCE_TTL_MS ? { markedAt, unreportedSince, sizeBytes } : null;
}

function reportedSizes(images: readonly ReportedImage[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { digests, sizeBytes } of images) {
    for (const digest of digests) sizes.set(digest, Math.max(sizes.get(digest) ?? 0, sizeBytes));
  }
  return sizes;
}
