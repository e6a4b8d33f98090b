import { InvalidArgumentError, UnknownImageError } from "../errors.ts";
import type { Catalog, CatalogEntry } from "../images/catalog.ts";
import type { Image, ImageClass } from "../images/image.ts";
import { describeImage, type ImageView, viewImages } from "../images/image-view.ts";
import { entryOfClass, entryResolvedNow, type Found, findReference, findTag } from "../images/look-up.ts";
import { parseReference } from "../images/reference.ts";
import { isInRepository } from "../images/repository.ts";
import { NO_NODES } from "../nodes/node-set.ts";
import { type NodeTable, namesOf, withSystems } from "../nodes/node-table.ts";
import { presenceOf } from "../nodes/presence.ts";
import { isSameList } from "../same-list.ts";
import { type Wanted, wantedOf } from "../sets/wanted.ts";
import type { DropdownPolicy, ImageSettings, MenuConfig, SetConfig } from "../settings.ts";
import type { RemoteTag } from "../tags/remote-tag.ts";
import type { ImageList, Menu, NodeMissingImages, NodeStatus, PrepullImages } from "./answers.ts";
import { type Needs, needsOf } from "./needs.ts";
import {
  missingByNode,
  type NodeAnswerMemo,
  type NodeImageMemo,
  nodeImages,
  nodeStatuses,
  splitByProgress,
} from "./node-answers.ts";
import { type Problem, problemsOf } from "./problems.ts";
import { type MenuMemo, menuOfSet, plannedImages, plannedPulls, type SetParts } from "./set-answers.ts";

/** An image with the names of the nodes that it is on, sorted: the answer to a look-up. */
export interface ResolvedImage {
  readonly image: Image;
  readonly nodes: readonly string[];
}

/** A look-up's outcome: an image, or a tag whose digest has to be asked for at the registry first. */
export type LookUp =
  | { readonly kind: "image"; readonly resolved: ResolvedImage }
  | { readonly kind: "needs-digest"; readonly source: string; readonly tag: string };

/** What snapshots rest on of the configuration. */
export interface SnapshotSettings {
  /** That of `images:` first; at least one source and one set. */
  readonly sources: readonly string[];
  readonly sets: readonly SetConfig[];
  readonly menu: MenuConfig;
  readonly dropdown: DropdownPolicy;
  /** Null where the configuration has no `images:`. */
  readonly images: ImageSettings | null;
}

/** What a snapshot is made of. */
export interface SnapshotParts {
  readonly settings: SnapshotSettings;
  /** Of the sources that have answered, in the order of the configuration. */
  readonly catalogs: readonly Catalog[];
  readonly table: NodeTable;
  /** When it was made, which rules and ages go by: milliseconds since the epoch. */
  readonly time: number;
  /** From 1, one more with each new snapshot. */
  readonly generation: number;
  /** When the last refresh behind this snapshot finished: milliseconds since the epoch. */
  readonly refreshTime: number;
}

/**
 * One immutable, internally consistent view of the remote images, the cached images and what follows from them. Answers
 * are computed on first use and kept: lists, menus and the images in them are the same objects each time, so callers may
 * key encodings by identity. What a later snapshot shares with an earlier one is the same object too.
 *
 * A source or set is named, or empty for the first one. Errors: InvalidArgumentError where there is none of this name.
 */
export interface Snapshot extends SnapshotParts {
  /** What the sets want. */
  readonly wanted: Wanted;
  readonly needs: Needs;
  /** docs/spec/look-ups.md. Error: UnknownImageError. */
  imageForClass(imageClass: ImageClass, source?: string): ResolvedImage;
  /** Error: UnknownImageError. */
  imageForTag(tag: string, source?: string): LookUp;
  /** Of the named source, or of the first one that knows it. Errors: InvalidReferenceError, UnknownImageError. */
  imageForReference(reference: string, source?: string): LookUp;
  /** A tag that was asked for at the registry, as if its digest had been known (null: no such tag). Error: UnknownImageError. */
  imageResolvedNow(tag: string, found: RemoteTag | null, source?: string): ResolvedImage;
  images(source?: string): ImageList;
  /** `now`: milliseconds since the epoch, for the ages of the dropdown filter. */
  menu(now: number, set?: string): Menu;
  /** By node name; nodes with nothing missing are left out. */
  missing(): readonly NodeMissingImages[];
  /** The images that some set wants, pulled and pending. */
  prepullImages(): PrepullImages;
  /** Every node that some set selects, by name. */
  nodes(): readonly NodeStatus[];
  /** What the configuration asks for and cannot be had. */
  problems(): readonly Problem[];
}

/**
 * Views made for one snapshot serve the next one as far as they still hold. The memory is shared by all snapshots of
 * a service and changes no answer: each is checked against what it rests on before it is taken over.
 */
interface AnswerMemory {
  readonly views: Map<string, ImageView>;
  readonly lists: Map<
    string,
    { readonly catalog: Catalog; readonly images: readonly Image[]; readonly made: ImageList }
  >;
  readonly menus: Map<number, MenuMemo>;
  missing: NodeAnswerMemo<Image, NodeMissingImages> | null;
  nodes: NodeAnswerMemo<string, NodeStatus> | null;
  nodeImages: ReadonlyMap<string, NodeImageMemo>;
  prepull: PrepullImages | null;
}

const memories = new WeakMap<Snapshot, AnswerMemory>();

/** A snapshot of these parts; answers of `previous` are taken over where they still hold. */
export function createSnapshot(parts: SnapshotParts, previous: Snapshot | null): Snapshot {
  const memory = (previous === null ? undefined : memories.get(previous)) ?? noMemory();
  const { settings, catalogs, time } = parts;
  const wanted = nextWanted(parts, previous);
  const table = withSystems(
    parts.table,
    wanted.sets.map(({ systems }) => systems),
  );
  const needs = needsOf({ wanted, table, menu: settings.menu, time }, previous?.needs ?? null);
  const views = new Map<Catalog, ImageView>();
  const viewOf = (catalog: Catalog): ImageView => {
    const known = views.get(catalog);
    if (known !== undefined) return known;
    const made = viewImages(catalog, table, needs, memory.views.get(catalog.source.name) ?? null);
    memory.views.set(catalog.source.name, made);
    views.set(catalog, made);
    return made;
  };
  const imageOf = (catalog: Catalog, entry: CatalogEntry): Image => {
    const { byTag, images } = viewOf(catalog);
    const at = byTag.positionOf(entry);
    return (at === undefined ? undefined : images[at]) ?? describeImage(catalog, entry, table, needs);
  };
  const named = (source = ""): Catalog => catalogNamed(parts, source);
  const resolved = (catalog: Catalog, entry: CatalogEntry): ResolvedImage => ({
    image: imageOf(catalog, entry),
    nodes: nodesWith(table, entry),
  });
  const lookUp = (catalog: Catalog, found: Found): LookUp =>
    found.kind === "entry"
      ? { kind: "image", resolved: resolved(catalog, found.entry) }
      : { ...found, source: catalog.source.name };
  const setParts: SetParts = { wanted, needs, catalogs, table, imageOf };
  const lists = new Map<Catalog, ImageList>();
  const listOf = (catalog: Catalog): ImageList => {
    const list = lists.get(catalog) ?? listImages(catalog, wanted, viewOf(catalog), imageOf, memory);
    lists.set(catalog, list);
    return list;
  };
  const snapshot: Snapshot = {
    ...parts,
    table,
    wanted,
    needs,
    imageForClass(imageClass, source) {
      const catalog = named(source);
      const entry = entryOfClass(catalog, wanted, imageClass);
      if (entry === null) throw new UnknownImageError("no image of this class is in the prepull set");
      return resolved(catalog, entry);
    },
    imageForTag: (tag, source) => lookUp(named(source), findTag(named(source), tag)),
    imageForReference(reference, source) {
      const catalog = source === undefined || source === "" ? catalogOfReference(parts, reference) : named(source);
      return lookUp(catalog, findReference(catalog, reference));
    },
    imageResolvedNow: (tag, found, source) => resolved(named(source), entryResolvedNow(named(source), tag, found)),
    images: (source) => listOf(named(source)),
    menu(now, set = "") {
      const at = placeOfSet(settings.sets, set);
      const memo = menuOfSet(
        setParts,
        at,
        settings,
        (catalog) => listOf(catalog).images,
        now,
        memory.menus.get(at) ?? null,
      );
      memory.menus.set(at, memo);
      return memo.made;
    },
    missing: once(() => {
      memory.missing = missingByNode(table, plannedPulls(setParts), memory.missing);
      return memory.missing.made;
    }),
    prepullImages: once(() => prepullProgress(setParts, memory)),
    nodes: once(() => {
      memory.nodes = nodeStatuses(table, plannedImages(setParts), memory.nodes);
      return memory.nodes.made;
    }),
    problems: once(() => problemsOf(snapshot)),
  };
  memories.set(snapshot, memory);
  return snapshot;
}

/** What the sets want: evaluated again for other catalogs, and where time has passed a limit. */
function nextWanted({ settings: { sets }, catalogs, time }: SnapshotParts, previous: Snapshot | null): Wanted {
  if (previous !== null && previous.settings.sets === sets && isSameList(previous.catalogs, catalogs)) {
    const { wanted } = previous;
    const isOver = wanted.changesAt !== null && time >= wanted.changesAt;
    if (!isOver && time >= previous.time) return wanted;
  }
  return wantedOf(sets, catalogs, time);
}

function catalogNamed({ settings, catalogs }: SnapshotParts, source: string): Catalog {
  const name = source === "" ? (settings.sources[0] ?? "") : source;
  const catalog = catalogs.find((each) => each.source.name === name);
  if (catalog !== undefined) return catalog;
  if (settings.sources.includes(name)) throw new UnknownImageError(`the source ${name} has not answered yet`);
  throw new InvalidArgumentError("source", "source is none of the configured sources");
}

/** Sources may share a repository: the first that knows the digest, else has the tag, else is there (docs/spec/sets.md 6.1). */
function catalogOfReference(parts: SnapshotParts, text: string): Catalog {
  const reference = parseReference(text);
  const own = parts.catalogs.filter((catalog) => isInRepository(catalog, reference));
  const { tag, digest } = reference;
  const knowing = digest === null ? undefined : own.find(({ groups }) => groups.has(digest));
  const reading = tag === null ? undefined : own.find(({ byTag }) => isRead(byTag.get(tag)));
  const listing = tag === null ? undefined : own.find(({ byTag }) => byTag.has(tag));
  return knowing ?? reading ?? listing ?? own[0] ?? catalogNamed(parts, "");
}

function isRead(entry: CatalogEntry | undefined): boolean {
  return entry !== undefined && entry.parsed.class !== "other";
}

function placeOfSet(sets: readonly SetConfig[], set: string): number {
  const at = set === "" ? 0 : sets.findIndex(({ name }) => name === set);
  if (at < 0) throw new InvalidArgumentError("set", "set is none of the configured sets");
  return at;
}

function noMemory(): AnswerMemory {
  return {
    views: new Map(),
    lists: new Map(),
    menus: new Map(),
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

function listImages(
  catalog: Catalog,
  wanted: Wanted,
  view: ImageView,
  imageOf: (catalog: Catalog, entry: CatalogEntry) => Image,
  { lists }: AnswerMemory,
): ImageList {
  const ofClass = (imageClass: ImageClass): Image | null => {
    const entry = entryOfClass(catalog, wanted, imageClass);
    return entry === null ? null : imageOf(catalog, entry);
  };
  const list: Omit<ImageList, "images"> = {
    recommended: ofClass("RECOMMENDED"),
    latestWeekly: ofClass("LATEST_WEEKLY"),
    latestDaily: ofClass("LATEST_DAILY"),
    latestRelease: ofClass("LATEST_RELEASE"),
  };
  const before = lists.get(catalog.source.name);
  const isSame = before?.images === view.images && before.catalog.entries === catalog.entries;
  const images = isSame ? before.made.images : listedImages(catalog, view);
  const made =
    before !== undefined && isSameImageList(before.made, { ...list, images }) ? before.made : { ...list, images };
  lists.set(catalog.source.name, { catalog, images: view.images, made });
  return made;
}

function isSameImageList(a: ImageList, b: ImageList): boolean {
  return (
    a.recommended === b.recommended &&
    a.latestWeekly === b.latestWeekly &&
    a.latestDaily === b.latestDaily &&
    a.latestRelease === b.latestRelease &&
    isSameList(a.images, b.images)
  );
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

function prepullProgress(parts: SetParts, memory: AnswerMemory): PrepullImages {
  memory.nodeImages = nodeImages(parts.table, plannedImages(parts), memory.nodeImages);
  const made = splitByProgress([...memory.nodeImages.values()].map((memo) => memo.made));
  const before = memory.prepull;
  const isSame =
    before !== null && isSameList(before.prepulled, made.prepulled) && isSameList(before.pending, made.pending);
  memory.prepull = isSame ? before : made;
  return memory.prepull;
}
