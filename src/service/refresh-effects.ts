import { type AnyEventObject, fromCallback } from "xstate";
import { KubernetesUnavailableError, LabImagesError, RegistryUnavailableError } from "../domain/errors.ts";
import type { Catalog } from "../domain/images/catalog.ts";
import {
  type ListInput,
  type RefreshFault,
  type RefreshPart,
  type SourceFault,
  SourcesFailedError,
} from "../machines/refresh.ts";
import type { Clock, NodeSource, RefreshCause } from "../ports.ts";
import { type ListImagesParts, listImages } from "./list-images.ts";

/** A source of images, as a refresh lists it. */
export interface ListedSource extends Pick<ListImagesParts, "catalogSource" | "source"> {
  readonly refreshIntervalMs: number;
}

/** What the effects of a refresh need. */
export interface RefreshEffectsParts extends Pick<ListImagesParts, "logger"> {
  /** In the order of the configuration; at least one. */
  readonly sources: readonly ListedSource[];
  readonly nodes: NodeSource;
  readonly clock: Pick<Clock, "wallTime" | "monotonicTime">;
  /** The catalogs of the current snapshot: what has not changed is taken from them. */
  readonly previousCatalogs: () => readonly Catalog[];
}

type Send = (event: RefreshPart | RefreshFault) => void;

/** The effects of the refresh cycle, as actors. Leaving the state that runs one aborts it; then it sends nothing. */
export function refreshEffects(parts: RefreshEffectsParts) {
  const { nodes, logger } = parts;
  return {
    listNodes: effect(async (send, signal) => {
      try {
        const onPage = (page: RefreshPage) => send({ type: "nodes.paged", page });
        await nodes.list(onPage, () => send({ type: "nodes.restarted" }), signal);
        send({ type: "nodes.listed" });
      } catch (error) {
        const wrap = (cause: unknown) => {
          if (!signal.aborted) logger.error({ err: cause }, "listing the nodes threw (bug)");
          return new KubernetesUnavailableError("listing the nodes failed for a reason that is in the log", cause);
        };
        send({ type: "nodes.failed", error: LabImagesError.from(error, wrap) });
      }
    }),
    listImages: imagesEffect(parts),
  };
}

/**
 * Lists the sources that are due, all at the same time: all of them, but for a scheduled refresh only those whose interval
 * is over, and those whose last listing has failed or was not taken over. One that fails leaves the others alone
 * (docs/spec/sets.md, Refresh).
 */
function imagesEffect(parts: RefreshEffectsParts) {
  const { sources, logger, clock, previousCatalogs } = parts;
  /** What each source has returned last, and when (`Clock.monotonicTime`); none for one that has failed since. */
  const lastListings = new Map<ListedSource, { readonly catalog: Catalog; readonly startedAt: number }>();
  const shortest = Math.min(...sources.map(({ refreshIntervalMs }) => refreshIntervalMs));

  function isDue(source: ListedSource, cause: RefreshCause): boolean {
    // The schedule of one source is that of the cycle.
    if (cause !== "SCHEDULED" || sources.length === 1) return true;
    const last = lastListings.get(source);
    // A cycle in which the cluster failed has dropped what the source returned: it counts as not listed.
    if (last === undefined || !previousCatalogs().includes(last.catalog)) return true;
    // Cycles are as far apart as the shortest interval: what would be due before the next one is due now.
    return clock.monotonicTime() - last.startedAt > source.refreshIntervalMs - shortest;
  }

  async function list(source: ListedSource, signal: AbortSignal): Promise<Catalog | SourceFault> {
    const { name } = source.catalogSource;
    const previous = previousCatalogs().find((catalog) => catalog.source.name === name) ?? null;
    const startedAt = clock.monotonicTime();
    try {
      const catalog = await listImages({ ...source, logger, now: () => clock.wallTime() }, previous, signal);
      lastListings.set(source, { catalog, startedAt });
      return catalog;
    } catch (error) {
      lastListings.delete(source);
      if (error instanceof LabImagesError) return { source: name, error };
      if (!signal.aborted) logger.error({ err: error, source: name }, "listing the images threw (bug)");
      const message = "listing the images failed for a reason that is in the log";
      return { source: name, error: new RegistryUnavailableError(message, error) };
    }
  }

  return effect(async (send, signal, { cause }) => {
    const due = sources.filter((source) => isDue(source, cause));
    const results = await Promise.all(due.map((source) => list(source, signal)));
    const failed = results.flatMap((result) => ("error" in result ? [result] : []));
    const catalogs = results.flatMap((result) => ("error" in result ? [] : [result]));
    const [first] = failed;
    if (first === undefined || failed.length < sources.length) return send({ type: "images.listed", catalogs, failed });
    // One source alone speaks for itself.
    send({ type: "images.failed", error: sources.length === 1 ? first.error : new SourcesFailedError(failed) });
  });
}

type RefreshPage = Extract<RefreshPart, { type: "nodes.paged" }>["page"];

/** An effect as an actor; `work` never rejects. */
function effect(work: (send: Send, signal: AbortSignal, input: ListInput) => Promise<void>) {
  return fromCallback<AnyEventObject, ListInput>(({ sendBack, input }) => {
    const controller = new AbortController();
    const send: Send = (event) => {
      if (!controller.signal.aborted) sendBack(event);
    };
    void work(send, controller.signal, input);
    return () => controller.abort();
  });
}
