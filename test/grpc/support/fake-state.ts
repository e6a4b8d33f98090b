import { runToCompletion } from "../../../src/domain/cooperative.ts";
import { UnknownImageError } from "../../../src/domain/errors.ts";
import { planCatalog } from "../../../src/domain/images/catalog-plan.ts";
import { completeCatalog } from "../../../src/domain/images/complete-catalog.ts";
import type { Image } from "../../../src/domain/images/image.ts";
import { parseReference } from "../../../src/domain/images/reference.ts";
import { emptyNodeTable } from "../../../src/domain/nodes/node-table.ts";
import type { ImageSettings } from "../../../src/domain/settings.ts";
import type {
  ImageList,
  Menu,
  NodeMissingImages,
  NodeStatus,
  PrepullImages,
  PrepullProgress,
  WorkByNode,
} from "../../../src/domain/snapshot/answers.ts";
import type { Problem } from "../../../src/domain/snapshot/problems.ts";
import {
  createSnapshot,
  type LookUp,
  type ResolvedImage,
  type Snapshot,
  type SnapshotParts,
} from "../../../src/domain/snapshot/snapshot.ts";
import type {
  GateCaller,
  GateRequest,
  GateSession,
  ImageCommands,
  PrepullReport,
  SourceState,
  StateReader,
} from "../../../src/ports.ts";
import { createDefaultSource, defaultSettings } from "../../support/default-source.ts";
import { nodeRules } from "../../support/image-world.ts";
import { REGISTRY, REPOSITORY } from "./images.ts";

/** What a test snapshot answers. */
export interface SnapshotContent {
  readonly images: readonly Image[];
  readonly recommended?: Image;
  readonly nodesOf?: Readonly<Record<string, readonly string[]>>;
  readonly menu?: Menu;
  readonly missing?: readonly NodeMissingImages[];
  readonly prepullImages?: PrepullImages;
  readonly nodes?: readonly NodeStatus[];
  readonly problems?: readonly Problem[];
}

/** What the domain keeps in a snapshot, empty: the server looks at the answers alone. */
function emptyParts(): Omit<SnapshotParts, "generation" | "refreshTime"> {
  const settings: ImageSettings = {
    source: { type: "docker", registry: REGISTRY, repository: REPOSITORY },
    refreshInterval: 1,
    prepullTimeout: 1,
    recommendedTag: "recommended",
    numReleases: 0,
    numWeeklies: 0,
    numDailies: 0,
    cycle: null,
    pin: [],
    aliasTags: [],
  };
  const plan = runToCompletion(planCatalog(createDefaultSource(settings), [], null, 0));
  const catalog = runToCompletion(completeCatalog(plan, new Map(), null));
  return {
    settings: defaultSettings(settings, {}),
    catalogs: [catalog],
    table: emptyNodeTable(nodeRules({ nodeStatusMaxImages: 50, markGrace: 0 })),
    time: 0,
  };
}

/** A snapshot that answers what it was made with, always with the same objects. */
export function snapshotOf(generation: number, content: SnapshotContent): Snapshot {
  const resolved = new Map<string, ResolvedImage>();
  for (const image of content.images) resolved.set(image.tag, { image, nodes: content.nodesOf?.[image.tag] ?? [] });
  const list: ImageList = {
    recommended: content.recommended ?? null,
    latestWeekly: content.images.find(({ type }) => type === "WEEKLY") ?? null,
    latestDaily: content.images.find(({ type }) => type === "DAILY") ?? null,
    latestRelease: content.images.find(({ type }) => type === "RELEASE") ?? null,
    images: content.images,
  };
  const menu = content.menu ?? { menu: [], dropdown: [] };
  const missing = content.missing ?? [];
  const prepullImages = content.prepullImages ?? { prepulled: [], pending: [] };
  const nodes = content.nodes ?? [];

  function imageForTag(tag: string): LookUp {
    const found = resolved.get(tag);
    if (found === undefined) throw new UnknownImageError("no such tag", { tag });
    return found.image.digest === null
      ? { kind: "needs-digest", source: "default", tag }
      : { kind: "image", resolved: found };
  }
  function imageOfClass(image: Image | null): ResolvedImage {
    const found = resolved.get(image?.tag ?? "");
    if (found === undefined) throw new UnknownImageError("no image of this class");
    return found;
  }

  const refreshTime = Date.UTC(2077, 9, 23, 12, 0, generation);
  return {
    ...createSnapshot({ ...emptyParts(), generation, refreshTime }, null),
    imageResolvedNow: (tag) => imageOfClass(resolved.get(tag)?.image ?? null),
    imageForTag,
    imageForReference: (reference) => imageForTag(parseReference(reference).tag ?? ""),
    imageForClass(imageClass) {
      if (imageClass === "LATEST_WEEKLY") return imageOfClass(list.latestWeekly);
      if (imageClass === "LATEST_DAILY") return imageOfClass(list.latestDaily);
      if (imageClass === "LATEST_RELEASE") return imageOfClass(list.latestRelease);
      return imageOfClass(list.recommended);
    },
    images: () => list,
    menu: () => menu,
    missing: () => missing,
    prepullImages: () => prepullImages,
    nodes: () => nodes,
    problems: () => content.problems ?? [],
  };
}

/** One gate caller that attached to the fake. */
export interface Attached {
  readonly request: GateRequest;
  readonly caller: GateCaller;
  ready: number;
  closed: boolean;
}

/** A state that a test turns by hand. */
export interface FakeState {
  readonly reader: StateReader;
  readonly commands: ImageCommands;
  current: Snapshot | null;
  staleReason: string | null;
  sources: readonly SourceState[];
  /** Snapshots that page tokens may go back to. */
  readonly kept: Map<number, Snapshot>;
  readonly marks: { readonly digest: string; readonly node: string }[];
  readonly attached: Attached[];
  progress: readonly PrepullProgress[];
  /** Those who want to know of changes; a test that changes something calls them. */
  readonly listeners: Set<() => void>;
  readonly reports: PrepullReport[];
  /** Replaced by tests that need other commands. */
  overrides: Partial<ImageCommands>;
}

const WELL: readonly SourceState[] = [
  { name: "registry", source: "default", ok: true, reason: "", lastSuccessTime: Date.UTC(2077, 9, 23) },
  { name: "kubernetes", source: "", ok: true, reason: "", lastSuccessTime: Date.UTC(2077, 9, 23) },
];

/** The same map for the same array. */
function workByNode(state: FakeState): WorkByNode {
  const known = works.get(state.progress);
  if (known !== undefined) return known;
  const work = new Map<string, PrepullProgress[]>();
  for (const one of state.progress) work.set(one.node, [...(work.get(one.node) ?? []), one]);
  works.set(state.progress, work);
  return work;
}

const works = new WeakMap<readonly PrepullProgress[], WorkByNode>();

function attach(state: FakeState, request: GateRequest, caller: GateCaller): GateSession {
  const entry: Attached = { request, caller, ready: 0, closed: false };
  state.attached.push(entry);
  return {
    ready() {
      entry.ready++;
    },
    close() {
      entry.closed = true;
    },
  };
}

/** A state without sources: what a test puts in is what the server sees. */
export function fakeState(current: Snapshot | null = null): FakeState {
  const state: FakeState = {
    current,
    staleReason: null,
    sources: WELL,
    kept: new Map(),
    marks: [],
    attached: [],
    progress: [],
    listeners: new Set(),
    reports: [],
    overrides: {},
    reader: {
      epoch: "epoch-1",
      problems: (snapshot) => snapshot.problems(),
      current: () => state.current,
      kept: (generation) =>
        state.current?.generation === generation ? state.current : (state.kept.get(generation) ?? null),
      keep: (snapshot) => void state.kept.set(snapshot.generation, snapshot),
      sources: () => state.sources,
      staleReason: () => state.staleReason,
      progress: () => workByNode(state),
      onChange(listener) {
        state.listeners.add(listener);
        return () => void state.listeners.delete(listener);
      },
    },
    commands: {
      resolveAtRegistry: (snapshot, named, peer, signal) =>
        state.overrides.resolveAtRegistry?.(snapshot, named, peer, signal) ??
        Promise.reject(new UnknownImageError("the registry has no such tag", { tag: named.tag })),
      markPrepulled(digest, node) {
        if (state.overrides.markPrepulled !== undefined) return state.overrides.markPrepulled(digest, node);
        state.marks.push({ digest, node });
        return true;
      },
      reportPrepull(report) {
        state.reports.push(report);
        return state.overrides.reportPrepull?.(report) ?? true;
      },
      refresh: (cause, signal) => state.overrides.refresh?.(cause, signal) ?? Promise.resolve(),
      waitForRefresh: (request, caller) =>
        state.overrides.waitForRefresh?.(request, caller) ?? attach(state, request, caller),
    },
  };
  return state;
}
