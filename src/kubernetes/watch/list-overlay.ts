import type { NodeReport } from "../../domain/nodes/node-report.ts";
import type { NodeChange } from "../../ports.ts";
import { isLaterVersion } from "../client/resource-version.ts";
import { nodeNameOf } from "./change-queue.ts";

/**
 * In-flight changes: what the watch reports from when a list is requested until the list is whole. The watch may be ahead of
 * the list. Then the list must not undo what the watch has reported, and the watch must not report it a second time when it
 * starts again at the list's version.
 */
export interface ListOverlay {
  /** Records a change, with the node's resource version: the latest of its name. */
  record(change: NodeChange, resourceVersion: string): void;
  /** The list has this version: drops changes that it contains already. */
  keepNewerThan(listVersion: string): void;
  /** Whether this change of the name, or a later one, is recorded. */
  covers(change: NodeChange, resourceVersion: string): boolean;
  /** Returns nodes of the list, brought up to date. */
  apply(nodes: readonly NodeReport[]): readonly NodeReport[];
  /** Nodes that had joined when the list came, and have been in none of its pages so far. */
  unlisted(): readonly NodeReport[];
}

interface InFlight {
  readonly change: NodeChange;
  readonly resourceVersion: string;
}

export function createListOverlay(): ListOverlay {
  const latest = new Map<string, InFlight>();
  let ahead = new Set<string>();
  return {
    record(change, resourceVersion) {
      latest.set(nodeNameOf(change), { change, resourceVersion });
    },
    keepNewerThan(listVersion) {
      for (const [name, { resourceVersion }] of latest) {
        if (!isLaterVersion(resourceVersion, listVersion)) latest.delete(name);
      }
      ahead = new Set(latest.keys());
    },
    covers(change, resourceVersion) {
      const known = latest.get(nodeNameOf(change))?.resourceVersion ?? "";
      return known !== "" && (known === resourceVersion || isLaterVersion(known, resourceVersion));
    },
    apply(nodes) {
      if (latest.size === 0) return nodes;
      return nodes.flatMap((node) => {
        ahead.delete(node.name);
        const newer = latest.get(node.name);
        return newer === undefined ? [node] : reportOf(newer);
      });
    },
    unlisted: () => [...ahead].flatMap((name) => reportOf(latest.get(name))),
  };
}

function reportOf(inFlight: InFlight | undefined): readonly NodeReport[] {
  return inFlight?.change.type === "node.reported" ? [inFlight.change.node] : [];
}
