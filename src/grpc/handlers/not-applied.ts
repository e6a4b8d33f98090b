import type { Snapshot } from "../../domain/snapshot/snapshot.ts";
import type { NotAppliedReason } from "../gen/labimages/v1/NotAppliedReason.ts";

/** A mark or a report that changed nothing. */
export interface NotApplied {
  readonly isOurs: boolean;
  readonly digest: string;
  readonly node: string;
  /** Whether only the built-in prepuller reports this. */
  readonly isBuiltIn: boolean;
}

/** Returns why, by the snapshot; the first reason that holds. */
export function notAppliedReason(
  snapshot: Snapshot,
  { isOurs, digest, node, isBuiltIn }: NotApplied,
): NotAppliedReason {
  if (!isOurs) return "NOT_APPLIED_REASON_OTHER_REPOSITORY";
  const { prepulled, pending } = snapshot.prepullImages();
  const isWanted = [...prepulled, ...pending].some(({ image }) => image.digest === digest);
  if (!isWanted) return "NOT_APPLIED_REASON_NOT_WANTED";
  if (!snapshot.nodes().some(({ name }) => name === node)) return "NOT_APPLIED_REASON_UNKNOWN_NODE";
  return isBuiltIn ? "NOT_APPLIED_REASON_BUILT_IN_PREPULLER" : "NOT_APPLIED_REASON_NOT_MISSING";
}
