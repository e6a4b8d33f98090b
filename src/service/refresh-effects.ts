import { type AnyEventObject, fromCallback } from "xstate";
import { KubernetesUnavailableError, LabImagesError, RegistryUnavailableError } from "../domain/errors.ts";
import type { Catalog } from "../domain/images/catalog.ts";
import type { RefreshFault, RefreshPart } from "../machines/refresh.ts";
import type { NodeSource } from "../ports.ts";
import { type ListImagesParts, listImages } from "./list-images.ts";

/** What the effects of a refresh need. */
export interface RefreshEffectsParts extends ListImagesParts {
  readonly nodes: NodeSource;
  /** The catalog of the current snapshot: what has not changed is taken from it. */
  readonly previousCatalog: () => Catalog | null;
}

type Tell = (event: RefreshPart | RefreshFault) => void;

/** The effects of the refresh cycle, as actors: leaving the state that runs one aborts it, and nothing is told any more. */
export function refreshEffects(parts: RefreshEffectsParts) {
  const { nodes, logger } = parts;
  return {
    listNodes: effect(async (tell, signal) => {
      try {
        const onPage = (page: RefreshPage) => tell({ type: "nodes.paged", page });
        await nodes.list(onPage, () => tell({ type: "nodes.restarted" }), signal);
        tell({ type: "nodes.listed" });
      } catch (error) {
        if (!signal.aborted && !(error instanceof LabImagesError))
          logger.error({ err: error }, "listing the nodes threw (bug)");
        const fallback = () =>
          new KubernetesUnavailableError("listing the nodes failed for a reason that is in the log", error);
        tell({ type: "nodes.failed", error: error instanceof LabImagesError ? error : fallback() });
      }
    }),
    listImages: effect(async (tell, signal) => {
      try {
        tell({ type: "images.listed", catalog: await listImages(parts, parts.previousCatalog(), signal) });
      } catch (error) {
        if (!signal.aborted && !(error instanceof LabImagesError))
          logger.error({ err: error }, "listing the images threw (bug)");
        const fallback = () =>
          new RegistryUnavailableError("listing the images failed for a reason that is in the log", error);
        tell({ type: "images.failed", error: error instanceof LabImagesError ? error : fallback() });
      }
    }),
  };
}

type RefreshPage = Extract<RefreshPart, { type: "nodes.paged" }>["page"];

/** An effect as an actor; `work` never rejects. */
function effect(work: (tell: Tell, signal: AbortSignal) => Promise<void>) {
  return fromCallback<AnyEventObject>(({ sendBack }) => {
    const controller = new AbortController();
    const tell: Tell = (event) => {
      if (!controller.signal.aborted) sendBack(event);
    };
    void work(tell, controller.signal);
    return () => controller.abort();
  });
}
