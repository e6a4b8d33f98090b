import type { MenuConfig } from "../settings.ts";
import { canRun, type NodePlatform, type Runnable } from "./platform.ts";

/** Milliseconds after which a node that is not ready no longer counts for the menu (docs/spec/sets.md 5.1). */
export const NOT_READY_MS: number = 5 * 60_000;

/** What decides whether a node counts for the menu; milliseconds since the epoch. */
export interface NodeAge {
  /** Null where it is not known. */
  readonly createdAt: number | null;
  /** Null while the node is ready. */
  readonly notReadySince: number | null;
}

/** Whether the node counts for the menu: images are pulled to it either way. */
export function countsForMenu(
  { createdAt, notReadySince }: NodeAge,
  { newNodeGraceMs }: MenuConfig,
  now: number,
): boolean {
  if (notReadySince !== null && now - notReadySince >= NOT_READY_MS) return false;
  return createdAt === null || now - createdAt >= newNodeGraceMs;
}

/** On how many of a set's nodes an image is. */
export interface MenuCounts {
  /** The set's nodes that can run the image and count. */
  readonly total: number;
  /** Those of them that have it. */
  readonly ready: number;
  /** Whether the set has nodes, and what is known of the image fits none of them. */
  readonly fitsNone: boolean;
}

/** Whether an image is on all nodes that count. One without a digest is on none. */
export function isPrepulled({ total, ready, fitsNone }: MenuCounts, digest: string | null): boolean {
  if (digest === null) return false;
  return total === 0 ? !fitsNone : ready === total;
}

/** Whether the menu has the image (docs/spec/sets.md 5.3). */
export function isOnMenu(
  counts: MenuCounts,
  digest: string | null,
  isFirst: boolean,
  { prepulledOnPercent }: MenuConfig,
): boolean {
  if (isFirst) return !counts.fitsNone;
  if (counts.total === 0 || digest === null) return isPrepulled(counts, digest);
  return counts.ready >= Math.ceil((counts.total * prepulledOnPercent) / 100);
}

/** Whether what is known of the image fits none of the nodes, of which there are some. */
export function fitsNone(nodes: readonly NodePlatform[], runnable: Runnable): boolean {
  return runnable.platforms !== null && nodes.length > 0 && !nodes.some((node) => canRun(node, runnable));
}
