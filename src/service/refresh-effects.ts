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
    listImages: effect(async (send, signal) => {
      try {
        send({ type: "images.listed", catalog: await listImages(parts, parts.previousCatalog(), signal) });
      } catch (error) {
        const wrap = (cause: unknown) => {
          if (!signal.aborted) logger.error({ err: cause }, "listing the images threw (bug)");
          return new RegistryUnavailableError("listing the images failed for a reason that is in the log", cause);
        };
        send({ type: "images.failed", error: LabImagesError.from(error, wrap) });
      }
    }),
  };
}

type RefreshPage = Extract<RefreshPart, { type: "nodes.paged" }>["page"];

/** An effect as an actor; `work` never rejects. */
function effect(work: (send: Send, signal: AbortSignal) => Promise<void>) {
  return fromCallback<AnyEventObject>(({ sendBack }) => {
    const controller = new AbortController();
    const send: Send = (event) => {
      if (!controller.signal.aborted) sendBack(event);
    };
    void work(send, controller.signal);
    return () => controller.abort();
  });
}
