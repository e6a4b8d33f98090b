import type { SourceState } from "../ports.ts";
import { describeFaults, NO_FAULTS, type RefreshFaults } from "./refresh.ts";

type SourceName = SourceState["name"];

/** How the sources of the snapshot are: a part of the image state. */
export interface SourceHealth {
  readonly sources: Readonly<Record<SourceName, SourceState>>;
  /** Why the last refresh failed. */
  readonly refreshFaults: RefreshFaults;
  /** Why the nodes cannot be watched between refreshes, or null. */
  readonly watchFault: Error | null;
}

const UNSEEN = { ok: false, reason: "no answer yet", lastSuccessTime: null };

/** Before the first refresh has ended. */
export const UNSEEN_SOURCES: SourceHealth = {
  sources: { registry: { name: "registry", ...UNSEEN }, kubernetes: { name: "kubernetes", ...UNSEEN } },
  refreshFaults: NO_FAULTS,
  watchFault: null,
};

/** A list has succeeded (null) or failed; the cluster is ok only if its nodes can be watched, too. */
export function withSource<State extends SourceHealth>(
  state: State,
  name: SourceName,
  fault: string | null,
  now: number,
): State {
  const lastSuccessTime = fault === null ? now : state.sources[name].lastSuccessTime;
  const reason = fault ?? (name === "kubernetes" ? (state.watchFault?.message ?? "") : "");
  const source = { name, ok: reason === "", reason, lastSuccessTime };
  return { ...state, sources: { ...state.sources, [name]: source } };
}

/** The watch works (null), or does not. */
export function withWatchFault<State extends SourceHealth>(state: State, fault: Error | null): State {
  const { kubernetes } = state.sources;
  const reason = (fault ?? state.refreshFaults.kubernetes)?.message ?? "";
  const sources = { ...state.sources, kubernetes: { ...kubernetes, ok: reason === "", reason } };
  return { ...state, watchFault: fault, sources };
}

/** Shows since when a slow refresh waits for the sources that have neither answered nor failed in it (field case F15). */
export function showSlowSources<State extends SourceHealth>(
  state: State,
  waitsFor: Readonly<Record<SourceName, boolean>>,
  faults: RefreshFaults,
  since: number,
): State {
  const show = (name: SourceName): SourceState =>
    waitsFor[name] && faults[name] === null ? { ...state.sources[name], refreshingSince: since } : state.sources[name];
  return { ...state, sources: { registry: show("registry"), kubernetes: show("kubernetes") } };
}

/** No refresh is under way. */
export function withoutSlowSources<State extends SourceHealth>(state: State): State {
  const { refreshingSince: _registry, ...registry } = state.sources.registry;
  const { refreshingSince: _kubernetes, ...kubernetes } = state.sources.kubernetes;
  return { ...state, sources: { registry, kubernetes } };
}

/** Why the snapshot may be out of date, each source with its own reason; null where it is not. */
export function staleReason({ refreshFaults, watchFault }: SourceHealth): string | null {
  const { registry, kubernetes } = refreshFaults;
  return describeFaults({ registry, kubernetes: kubernetes ?? watchFault }) || null;
}
