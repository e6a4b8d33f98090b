import type { SourceState } from "../ports.ts";
import {
  describeFaults,
  describeSourceFaults,
  NO_FAULTS,
  type RefreshFaults,
  type SourceFault,
  SourcesFailedError,
} from "./refresh.ts";

/** How the sources of the snapshot are: a part of the image state. */
export interface SourceHealth {
  /** One entry for each source of images, in the order of the configuration, and the one of the cluster. */
  readonly sources: readonly SourceState[];
  /** Why the last refresh failed. */
  readonly refreshFaults: RefreshFaults;
  /** Sources of images that failed in the last refresh, while others did not. */
  readonly sourceFaults: readonly SourceFault[];
  /** Why the nodes cannot be watched between refreshes, or null. */
  readonly watchFault: Error | null;
}

const UNSEEN = { ok: false, reason: "no answer yet", lastSuccessTime: null };

/** Before the first refresh has ended; `sources` are the names of the sources of images. */
export function unseenSources(sources: readonly string[]): SourceHealth {
  const registries = sources.map((source): SourceState => ({ name: "registry", source, ...UNSEEN }));
  return {
    sources: [...registries, { name: "kubernetes", source: "", ...UNSEEN }],
    refreshFaults: NO_FAULTS,
    sourceFaults: [],
    watchFault: null,
  };
}

/** A source of images has been listed (null) or has failed; `note` is what there is to say of one that is ok. */
export function withRegistry<State extends SourceHealth>(
  state: State,
  source: string,
  fault: string | null,
  now: number,
  note = "",
): State {
  return changed(state, "registry", source, ({ lastSuccessTime }) => ({
    name: "registry",
    source,
    ok: fault === null,
    reason: fault ?? note,
    lastSuccessTime: fault === null ? now : lastSuccessTime,
  }));
}

/** The nodes have been listed (null), or could not be; the cluster is ok only if they can be watched, too. */
export function withCluster<State extends SourceHealth>(state: State, fault: string | null, now: number): State {
  const reason = fault ?? state.watchFault?.message ?? "";
  return changed(state, "kubernetes", "", ({ lastSuccessTime }) => ({
    name: "kubernetes",
    source: "",
    ok: reason === "",
    reason,
    lastSuccessTime: fault === null ? now : lastSuccessTime,
  }));
}

/** The watch works (null), or does not. */
export function withWatchFault<State extends SourceHealth>(state: State, fault: Error | null): State {
  const reason = (fault ?? state.refreshFaults.kubernetes)?.message ?? "";
  const next = changed(state, "kubernetes", "", (source) => ({ ...source, ok: reason === "", reason }));
  return { ...next, watchFault: fault };
}

function changed<State extends SourceHealth>(
  state: State,
  name: SourceState["name"],
  source: string,
  change: (before: SourceState) => SourceState,
): State {
  const sources = state.sources.map((each) => (each.name === name && each.source === source ? change(each) : each));
  return { ...state, sources };
}

/** Shows since when a slow refresh waits for the sources that have neither answered nor failed in it (field case F15). */
export function showSlowSources<State extends SourceHealth>(
  state: State,
  waitsFor: Readonly<Record<SourceState["name"], boolean>>,
  faults: RefreshFaults,
  since: number,
): State {
  const sources = state.sources.map((source) =>
    waitsFor[source.name] && faults[source.name] === null ? { ...source, refreshingSince: since } : source,
  );
  return { ...state, sources };
}

/** No refresh is under way. */
export function withoutSlowSources<State extends SourceHealth>(state: State): State {
  return { ...state, sources: state.sources.map(({ refreshingSince: _, ...source }) => source) };
}

/** Returns the sources of images that failed in the last refresh, all of them or some. */
export function failedSources({ sources, refreshFaults, sourceFaults }: SourceHealth): readonly SourceFault[] {
  const { registry } = refreshFaults;
  if (registry === null) return sourceFaults;
  if (registry instanceof SourcesFailedError) return registry.failed;
  return sources.flatMap(({ name, source }) => (name === "registry" ? [{ source, error: registry }] : []));
}

/** Why the snapshot may be out of date, each source with its own reason; null where it is not. */
export function staleReason({ refreshFaults, sourceFaults, watchFault }: SourceHealth): string | null {
  const { registry, kubernetes } = refreshFaults;
  const reasons = [
    describeFaults({ registry, kubernetes: kubernetes ?? watchFault }),
    describeSourceFaults(sourceFaults),
  ];
  return reasons.filter((reason) => reason !== "").join("; ") || null;
}
