import { nodeNamed } from "../nodes/node-table.ts";
import type { SetConfig } from "../settings.ts";
import type { Snapshot } from "./snapshot.ts";

/** Why an image belongs on a node: the first set that wants it there, and the source that it wants it of. */
export interface FirstWish {
  readonly set: SetConfig;
  /** Name of the source. */
  readonly source: string;
}

/** The first set that wants the digest on the node (docs/spec/sets.md, Nodes); null where none does. */
export function firstWish({ wanted, table }: Snapshot, node: string, digest: string): FirstWish | null {
  const memberships = nodeNamed(table, node)?.memberships ?? [];
  for (const [at, { set, images }] of wanted.sets.entries()) {
    if (memberships[at]?.kind !== "member") continue;
    const image = images.find(({ entry }) => entry.digest === digest);
    if (image !== undefined) return { set, source: image.source };
  }
  return null;
}
