/**
 * The rules of docs/spec/sets.md 4 to 6 from scratch, node by node: what `lab-images plan` shows, and what the snapshot's
 * incremental answers are compared with.
 */

import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import type { MenuConfig, SetConfig } from "../settings.ts";
import { latestOf } from "./latest.ts";
import { exclusionOf, type Membership, membershipOf, type NodeTraits } from "./membership.ts";
import { canRun, runnableOf } from "./platform.ts";
import type { WantedImage } from "./set-images.ts";
import { countsForMenu, fitsNone, isOnMenu, isPrepulled, type MenuCounts, type NodeAge } from "./set-menu.ts";
import { type Wanted, type WantedSet, wantedOf } from "./wanted.ts";

/** One node as the cluster has it. */
export interface PlanNode extends NodeTraits, NodeAge {
  readonly name: string;
  /** Digests that are on it. */
  readonly cached: ReadonlySet<string>;
}

/** Everything that a plan follows from. */
export interface PlanInput {
  readonly sets: readonly SetConfig[];
  readonly menu: MenuConfig;
  readonly catalogs: readonly Catalog[];
  /** In any order. */
  readonly nodes: readonly PlanNode[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** One image of a set's menu, with its numbers. */
export interface PlannedMenuImage extends MenuCounts {
  readonly image: WantedImage<CatalogEntry>;
  readonly prepulled: boolean;
  readonly onMenu: boolean;
}

/** One node with what it lacks, in the order in which to pull it. */
export interface PlannedMissing {
  readonly node: string;
  readonly images: readonly WantedImage<CatalogEntry>[];
}

/** What the sets want, and how far the nodes have come. */
export interface SetPlan {
  readonly wanted: Wanted;
  /** The nodes that some set selects, by name, each with where it stands with each set. */
  readonly nodes: readonly PlanMember[];
  /** By name; nodes that lack nothing are left out. */
  readonly missing: readonly PlannedMissing[];
  /** By name, with the reason. */
  readonly excluded: readonly { readonly node: string; readonly comment: string }[];
  /** One for each set, in their order. */
  readonly menus: readonly (readonly PlannedMenuImage[])[];
  /** One for each catalog, in their order. */
  readonly latest: readonly (CatalogEntry | null)[];
}

/** A node, and where it stands with each set. */
export interface PlanMember {
  readonly node: PlanNode;
  /** One for each set, in their order. */
  readonly memberships: readonly Membership[];
}

/** Plans from scratch. */
export function planSets({ sets, menu, catalogs, nodes, now }: PlanInput): SetPlan {
  const wanted = wantedOf(sets, catalogs, now);
  const members = [...nodes]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((node) => ({ node, memberships: wanted.sets.map(({ set, systems }) => membershipOf(node, set, systems)) }))
    .filter(({ memberships }) => memberships.some(({ kind }) => kind !== "not-selected"));
  return {
    wanted,
    nodes: members,
    missing: members
      .map((member) => ({ node: member.node.name, images: missingOn(member, wanted.sets) }))
      .filter(({ images }) => images.length > 0),
    excluded: members.flatMap(({ node, memberships }) => {
      const comment = exclusionOf(memberships);
      return comment === null ? [] : [{ node: node.name, comment }];
    }),
    menus: wanted.sets.map((set, at) => {
      const own = members.filter(({ memberships }) => memberships[at]?.kind === "member").map(({ node }) => node);
      return set.menu.map((image) => menuImage(image, set, own, menu, now));
    }),
    latest: catalogs.map(({ entries }) => latestOf(entries)),
  };
}

/** Sets in order, images in order, one for each digest (docs/spec/sets.md 4.2). */
function missingOn(
  { node, memberships }: PlanMember,
  sets: readonly WantedSet[],
): readonly WantedImage<CatalogEntry>[] {
  const missing = new Map<string, WantedImage<CatalogEntry>>();
  for (const [at, { images }] of sets.entries()) {
    if (memberships[at]?.kind !== "member") continue;
    for (const image of images) {
      const { digest } = image.entry;
      if (digest === null || missing.has(digest) || node.cached.has(digest)) continue;
      if (canRun(node, runnableOf(image.entry))) missing.set(digest, image);
    }
  }
  return [...missing.values()];
}

function menuImage(
  image: WantedImage<CatalogEntry>,
  { first }: WantedSet,
  nodes: readonly PlanNode[],
  policy: MenuConfig,
  now: number,
): PlannedMenuImage {
  const { entry } = image;
  const { digest } = entry;
  const runnable = runnableOf(entry);
  const needed = nodes.filter((node) => countsForMenu(node, policy, now) && canRun(node, runnable));
  const counts = {
    total: needed.length,
    ready: needed.filter(({ cached }) => digest !== null && cached.has(digest)).length,
    fitsNone: fitsNone(nodes, runnable),
  };
  const prepulled = isPrepulled(counts, digest);
  return { image, ...counts, prepulled, onMenu: isOnMenu(counts, digest, entry === first, policy) };
}
