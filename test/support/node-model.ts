import { type NodeRules, STALE_PRESENCE_TTL_MS } from "../../src/domain/nodes/node-record.ts";
import type { NodeReport } from "../../src/domain/nodes/node-report.ts";

/** What is known of one digest on one node. */
interface Known {
  /** As this node reported it; 0 where it never did. */
  readonly size: number;
  readonly markedAt: number | null;
  /** Since when reports could not tell of it. */
  readonly unreportedSince: number | null;
}

interface ModelNode {
  report: NodeReport;
  truncated: boolean;
  known: Map<string, Known>;
}

/**
 * The nodes by the letter of docs/spec/nodes.md, one fact at a time and without any cache: what the product's table
 * of nodes must agree with after whatever has happened to it.
 */
export interface NodeModel {
  report(report: NodeReport, observedAt: number): void;
  remove(name: string, uid: string): void;
  mark(name: string, digest: string, markedAt: number): void;
  retain(names: readonly string[]): void;
  /** Each node as a kubelet without limit would report what is taken to be on it. */
  asReports(): readonly NodeReport[];
  /** Names of the nodes whose reports cannot tell of every image. */
  truncated(): ReadonlySet<string>;
  copy(): NodeModel;
}

/** A model that starts with these nodes. */
export function nodeModel(rules: NodeRules, nodes: Map<string, ModelNode> = new Map()): NodeModel {
  const isLimited = rules.nodeStatusMaxImages >= 0;

  function largestSize(digest: string): number {
    return Math.max(0, ...[...nodes.values()].map(({ known }) => known.get(digest)?.size ?? 0));
  }

  function keep(known: Known, cannotTell: boolean, at: number): Known | null {
    if (known.markedAt !== null && at < known.markedAt + rules.markGrace) return { ...known, unreportedSince: null };
    if (!cannotTell) return null;
    const unreportedSince = known.unreportedSince ?? at;
    return at < unreportedSince + STALE_PRESENCE_TTL_MS ? { ...known, unreportedSince } : null;
  }

  return {
    report(report, at) {
      const last = nodes.get(report.name);
      const before = last?.report.uid === report.uid ? last : undefined;
      const known = new Map<string, Known>();
      for (const { digests, sizeBytes } of report.images) {
        for (const digest of digests) {
          const size = Math.max(sizeBytes, known.get(digest)?.size ?? 0);
          known.set(digest, { size, markedAt: null, unreportedSince: null });
        }
      }
      const full = isLimited && report.images.length === rules.nodeStatusMaxImages;
      const smallest = Math.min(...report.images.map(({ sizeBytes }) => sizeBytes));
      for (const [digest, entry] of before?.known ?? []) {
        if (known.has(digest)) continue;
        const size = entry.size || largestSize(digest);
        const kept = keep(entry, full && (size === 0 || size <= smallest), at);
        if (kept !== null) known.set(digest, kept);
      }
      nodes.set(report.name, { report, truncated: full, known });
    },
    remove(name, uid) {
      if (nodes.get(name)?.report.uid === uid) nodes.delete(name);
    },
    mark(name, digest, markedAt) {
      const node = nodes.get(name);
      if (node === undefined || node.report.images.some(({ digests }) => digests.includes(digest))) return;
      node.known.set(digest, { size: node.known.get(digest)?.size ?? 0, markedAt, unreportedSince: null });
    },
    retain(names) {
      for (const name of [...nodes.keys()]) if (!names.includes(name)) nodes.delete(name);
    },
    asReports: () =>
      [...nodes.values()].map(({ report, known }) => ({
        ...report,
        images: [...known].map(([digest, { size }]) => ({ digests: [digest], sizeBytes: size })),
      })),
    truncated: () => new Set([...nodes].filter(([, node]) => node.truncated).map(([name]) => name)),
    copy: () =>
      nodeModel(rules, new Map([...nodes].map(([name, node]) => [name, { ...node, known: new Map(node.known) }]))),
  };
}
