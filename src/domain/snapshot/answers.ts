import type { Image } from "../images/image.ts";
import type { PullFailureClass } from "../prepull/failure-table.ts";

/**
 * What the spawner shows of one set (docs/spec/look-ups.md, `menu_images`; docs/spec/sets.md 5): of each image its name, and
 * the reference to start from, with digest where one is known.
 */
export interface Menu {
  readonly menu: readonly MenuImage[];
  readonly dropdown: readonly MenuImage[];
}

/** One image of a menu. */
export interface MenuImage {
  readonly image: Image;
  /** Name of its source. */
  readonly source: string;
  /** On how many of the set's nodes it is; null for an image that the set does not want. */
  readonly counts: SetCounts | null;
}

/** How far an image has come on the nodes of one set. */
export interface SetCounts {
  readonly ready: number;
  readonly total: number;
  readonly prepulled: boolean;
}

/** All images, with the four classes (docs/spec/look-ups.md, `images`); a class without image is null. */
export interface ImageList {
  readonly recommended: Image | null;
  readonly latestWeekly: Image | null;
  readonly latestDaily: Image | null;
  readonly latestRelease: Image | null;
  readonly images: readonly Image[];
}

/** One node with the images that should be on it and are not known to be, in the order in which to pull them. */
export interface NodeMissingImages {
  readonly node: string;
  readonly images: readonly Image[];
}

/** One image of the prepull set with the nodes that have it, and those that it belongs on and lacks, by name. */
export interface NodeImage {
  readonly image: Image;
  readonly nodes: readonly string[];
  readonly missing: readonly string[];
}

/** One node, in the status. */
export interface NodeStatus {
  readonly name: string;
  readonly eligible: boolean;
  /** Why the node is not eligible, or null. */
  readonly comment: string | null;
  /** References (`registry/repository:tag`) of the prepull set's images that are on the node, in display order. */
  readonly cached: readonly string[];
  /** Whether the node's reports are incomplete (docs/spec/nodes.md). */
  readonly imagesTruncated: boolean;
}

/** How far the prepull set has come (docs/spec/look-ups.md, `prepull_status`), without the configuration. */
export interface PrepullImages {
  readonly prepulled: readonly NodeImage[];
  readonly pending: readonly NodeImage[];
}

/** How far the work on one image on one node has come (docs/spec/prepuller.md). */
export const PREPULL_STATES = ["WAITING", "PULLING", "SUCCEEDED", "FAILED", "CANCELLED"] as const;

/** See PREPULL_STATES. */
export type PrepullState = (typeof PREPULL_STATES)[number];

/** The work on one image on one node. Times are milliseconds since the epoch. */
export interface PrepullProgress {
  readonly node: string;
  /** `registry/repository:tag@digest`. */
  readonly reference: string;
  readonly digest: string;
  readonly state: PrepullState;
  /** Kubernetes' own word (`ErrImagePull`, `Evicted`), or `Thrashing`; empty where there is none. */
  readonly reason: string;
  /** What happened, for an operator; empty where there is nothing to say. */
  readonly message: string;
  /** Who has to act, where the last pull has failed; else null. */
  readonly failureClass: PullFailureClass | null;
  /** Pulls started so far, the running one included. */
  readonly attempts: number;
  /** When the running pull, or else the last one, started; null before the first. */
  readonly startTime: number | null;
  /** When the next attempt is due, where it has to wait; null where nothing is known to be due. */
  readonly nextAttemptTime: number | null;
}

/** The work by the name of its node: what has ended first, then the rest in the order of the work. */
export type WorkByNode = Pick<ReadonlyMap<string, readonly PrepullProgress[]>, "get">;
