import { UnknownImageError } from "../errors.ts";
import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import type { Image, ImageClass } from "../images/image.ts";
import { describeImage, type ImageView, viewImages } from "../images/image-view.ts";
import { entryOfClass, entryResolvedNow, type Found, findReference, findTag } from "../images/look-up.ts";
import { type MenuMemo, makeMenu } from "../images/menu.ts";
import { NO_NODES } from "../nodes/node-set.ts";
import { type NodeTable, namesOf } from "../nodes/node-table.ts";
import { presenceOf } from "../nodes/presence.ts";
import { isSameList } from "../same-list.ts";
import type { DropdownPolicy, ImageSettings } from "../settings.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { ImageList, Menu, NodeMissingImages, NodeStatus, PrepullImages } from "./answers.ts";
import {
  missingByNode,
  type NodeAnswerMemo,
  type NodeImageMemo,
  nodeImages,
  nodeStatuses,
  plannedImages,
  pullOrder,
  shownInStatus,
  splitByProgress,
} from "./node-answers.ts";
import { type Problem, problemsOf } from "./problems.ts";

/** An image with the names of the nodes that it is on, sorted: the answer to a look-up. */
export interface ResolvedImage {
  readonly image: Image;
  readonly nodes: readonly string[];
}

/** A look-up's outcome: an image, or a tag whose digest has to be asked for at the registry first. */
export type LookUp =
  | { readonly kind: "image"; readonly resolved: ResolvedImage }
  | { readonly kind: "needs-digest"; readonly tag: string };

/** What a snapshot is made of. */
export interface SnapshotParts {
  readonly settings: ImageSettings;
  readonly dropdown: DropdownPolicy;
  readonly catalog: Catalog;
  readonly table: NodeTable;
  /** From 1, one more with each new snapshot. */
  readonly generation: number;
  /** When the last refresh behind this snapshot finished: milliseconds since the epoch. */
  readonly refreshTime: number;
}

/**
 * One immutable, internally consistent view of the remote images, the cached images and what follows from them. Answers
 * are computed on first use and kept: lists, menus and the images in them are the same objects each time, so callers may
 * key encodings by identity. What a later snapshot shares with an earlier one is the same object too.
 */
export interface Snapshot extends SnapshotParts {
  /** docs/spec/look-ups.md. Error: UnknownImageError. */
  imageForClass(imageClass: ImageClass): ResolvedImage;
  /** Error: UnknownImageError. */
  imageForTag(tag: string): LookUp;
  /** Errors: InvalidReferenceError, UnknownImageError. */
  imageForReference(reference: string): LookUp;
  /** A tag that was asked for at the registry, as if its digest had been known (null: no such tag). Error: UnknownImageError. */
  imageResolvedNow(tag: string, found: RemoteTag | null): ResolvedImage;
  images(): ImageList;
  /** `now`: milliseconds since the epoch, for the ages of the dropdown filter. */
  menu(now: number): Menu;
  /** By node name; nodes with nothing missing are left out. */
  missing(): readonly NodeMissingImages[];
  /** The images of the prepull set, pulled and pending. */
  prepullImages(): PrepullImages;
  /** Every node that the selector picks, by name. */
  nodes(): readonly NodeStatus[];
  /** What the configuration asks for and cannot be had. */
  problems(): readonly Problem[];
}

/**
 * Answers made for one snapshot serve the next one as far as they still hold. The memory is shared by all snapshots of
 * a service and changes no answer: each is checked against what it rests on before it is taken over.
 */
interface AnswerMemory {
  view: ImageView | null;
  list: { readonly catalog: Catalog; readonly images: readonly Image[]; readonly made: ImageList } | null;
  menu: MenuMemo | null;
  missing: NodeAnswerMemo<Image, NodeMissingImages> | null;
  nodes: NodeAnswerMemo<string, NodeStatus> | null;
  nodeImages: ReadonlyMap<string, NodeImageMemo>;
  prepull: PrepullImages | null;
}

const memories = new WeakMap<Snapshot, AnswerMemory>();

/** A snapshot of these parts; answers of `previous` are taken over where they still hold. */
export function createSnapshot(parts: SnapshotParts, previous: Snapshot | null): Snapshot {
  const memory = (previous === null ? undefined : memories.get(previous)) ?? noMemory();
  const { settings, catalog, table } = parts;
  const view = once(() => {
    const made = viewImages(catalog, table, memory.view);
    memory.view = made;
    return made;
  });
  const imageOf = (entry: CatalogEntry): Image => {
    const at = view().byTag.positionOf(entry);
    return (at === undefined ? undefined : view().images[at]) ?? describeImage(entry, table);
  };
  const resolved = (entry: CatalogEntry): ResolvedImage => ({ image: imageOf(entry), nodes: nodesWith(table, entry) });
  const lookUp = (found: Found): LookUp =>
    found.kind === "entry" ? { kind: "image", resolved: resolved(found.entry) } : found;
  const snapshot: Snapshot = {
    ...parts,
    imageForClass(imageClass) {
      const entry = entryOfClass(catalog, settings, imageClass);
      if (entry === null) throw new UnknownImageError("no image of this class is in the prepull set");
      return resolved(entry);
    },
    imageForTag: (tag) => lookUp(findTag(catalog, tag)),
    imageForReference: (reference) => lookUp(findReference(catalog, reference)),
    imageResolvedNow: (tag, found) => resolved(entryResolvedNow(catalog, tag, found)),
    images: once(() => listImages(parts, view(), imageOf, memory)),
    menu(now) {
      memory.menu = makeMenu(parts, snapshot.images(), imageOf, now, memory.menu);
      return memory.menu.made;
    },
    missing: once(() => listMissing(parts, imageOf, memory)),
    prepullImages: once(() => prepullProgress(parts, imageOf, memory)),
    nodes: once(() => listNodes(parts, imageOf, memory)),
    problems: once(() => problemsOf(parts)),
  };
  memories.set(snapshot, memory);
  return snapshot;
}

function noMemory(): AnswerMemory {
  return {
    view: null,
    list: null,
    menu: null,
    missing: null,
    nodes: null,
    nodeImages: new Map(),
    prepull: null,
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function nodesWith(table: NodeTable, { digest }: CatalogEntry): readonly string[] {
  return digest === null ? [] : namesOf(table, presenceOf(table.presence, digest)?.nodes ?? NO_NODES);
}

type ImageOf = (entry: CatalogEntry) => Image;

function listImages({ settings, catalog }: SnapshotParts, view: ImageView, imageOf: ImageOf, memory: AnswerMemory) {
  if (memory.list?.images === view.images && memory.list.catalog.entries === catalog.entries) return memory.list.made;
  const ofClass = (imageClass: ImageClass): Image | null => {
    const entry = entryOfClass(catalog, settings, imageClass);
    return entry === null ? null : imageOf(entry);
  };
  const list: ImageList = {
    recommended: ofClass("RECOMMENDED"),
    latestWeekly: ofClass("LATEST_WEEKLY"),
    latestDaily: ofClass("LATEST_DAILY"),
    latestRelease: ofClass("LATEST_RELEASE"),
    images: listedImages(catalog, view),
  };
  const before = memory.list?.made;
  // An image is made for one entry, so that the same images are of the same entries and have the same classes.
  const made = before !== undefined && isSameList(before.images, list.images) ? before : list;
  memory.list = { catalog, images: view.images, made };
  return made;
}

/** `listed` has entries in the order of all entries, so that a walk finds their images without 20,000 look-ups. */
function listedImages({ listed }: Catalog, { entries, images }: ImageView): readonly Image[] {
  let next = 0;
  return images.filter((_, at) => {
    const isListed = entries[at] === listed[next];
    if (isListed) next += 1;
    return isListed;
  });
}

function listMissing({ settings, catalog, table }: SnapshotParts, imageOf: ImageOf, memory: AnswerMemory) {
  const planned = plannedImages(pullOrder(catalog, settings.recommendedTag), table, imageOf);
  memory.missing = missingByNode(table, planned, memory.missing);
  return memory.missing.made;
}

function listNodes({ catalog, table }: SnapshotParts, imageOf: ImageOf, memory: AnswerMemory) {
  const planned = plannedImages(shownInStatus(catalog), table, imageOf);
  memory.nodes = nodeStatuses(table, planned, memory.nodes);
  return memory.nodes.made;
}

function prepullProgress({ catalog, table }: SnapshotParts, imageOf: ImageOf, memory: AnswerMemory): PrepullImages {
  const planned = plannedImages(shownInStatus(catalog), table, imageOf);
  memory.nodeImages = nodeImages(table, planned, memory.nodeImages);
  const made = splitByProgress([...memory.nodeImages.values()].map((memo) => memo.made));
  const before = memory.prepull;
  const same =
    before !== null && isSameList(before.prepulled, made.prepulled) && isSameList(before.pending, made.pending);
  memory.prepull = same ? before : made;
  return memory.prepull;
}
