import type { NodeReport } from "../../domain/nodes/node-report.ts";
import type { NodeChange } from "../../ports.ts";
import { isLaterVersion } from "../client/resource-version.ts";
import { nodeNameOf } from "./change-queue.ts";

/**
 * What the watch tells from when a list is asked for until it is whole. The watch may be ahead of the list: then nothing
 * of what it has told is to be taken back, neither by the list nor by being told again from the list's version on.
 */
export interface ToldChanges {
  /** A change, with the version that the node has by it: the latest of its name. */
  note(change: NodeChange, resourceVersion: string): void;
  /** The list has this version: what it knows already is let go. */
  keepNewerThan(listVersion: string): void;
  /** Whether this change of the name, or a later one, is noted. */
  has(change: NodeChange, resourceVersion: string): boolean;
  /** Nodes of the list, with what is noted of them. */
  bringUpToDate(nodes: readonly NodeReport[]): readonly NodeReport[];
  /** Nodes that had joined when the list came, and have stood in none of its pages so far. */
  unlisted(): readonly NodeReport[];
}

interface Told {
  readonly change: NodeChange;
  readonly resourceVersion: string;
}

/** Nothing told yet. */
export function createToldChanges(): ToldChanges {
  const latest = new Map<string, Told>();
  let ahead = new Set<string>();
  return {
    note(change, resourceVersion) {
      latest.set(nodeNameOf(change), { change, resourceVersion });
    },
    keepNewerThan(listVersion) {
      for (const [name, { resourceVersion }] of latest) {
        if (!isLaterVersion(resourceVersion, listVersion)) latest.delete(name);
      }
      ahead = new Set(latest.keys());
    },
    has(change, resourceVersion) {
      const told = latest.get(nodeNameOf(change))?.resourceVersion ?? "";
      return told !== "" && (told === resourceVersion || isLaterVersion(told, resourceVersion));
    },
    bringUpToDate(nodes) {
      if (latest.size === 0) return nodes;
      return nodes.flatMap((node) => {
        ahead.delete(node.name);
        const told = latest.get(node.name);
        return told === undefined ? [node] : reportOf(told);
      });
    },
    unlisted: () => [...ahead].flatMap((name) => reportOf(latest.get(name))),
  };
}

function reportOf(told: Told | undefined): readonly NodeReport[] {
  return told?.change.type === "node.reported" ? [told.change.node] : [];
}
