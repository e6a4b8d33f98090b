import type { Taint, Toleration } from "../nodes/node-report.ts";
import { judgeTaints } from "../nodes/toleration.ts";
import { isSelected, type Labels, type NodeSelection } from "./node-selection.ts";
import { type NodePlatform, systemOf } from "./platform.ts";

/** What decides to which sets a node belongs. */
export interface NodeTraits extends NodePlatform {
  readonly labels: Labels;
  readonly taints: readonly Taint[];
}

/** Which nodes a set has. */
export interface SetNodes extends NodeSelection {
  readonly tolerations: readonly Toleration[];
}

/**
 * Where a node stands with a set: it is not selected, it is selected and cannot be used (with the comment that says why),
 * or it is one of the set's nodes.
 */
export type Membership =
  | { readonly kind: "not-selected" }
  | { readonly kind: "excluded"; readonly comment: string }
  | { readonly kind: "member" };

const NOT_SELECTED: Membership = { kind: "not-selected" };
const MEMBER: Membership = { kind: "member" };

/**
 * A set has the nodes that match every label and expression and whose taints it tolerates, and that run Linux or a system
 * that one of its images is for (docs/spec/sets.md 4.1, 4.3).
 * @param systems the systems of the set's images besides Linux
 */
export function membershipOf(node: NodeTraits, set: SetNodes, systems: ReadonlySet<string>): Membership {
  if (!isSelected(node.labels, set)) return NOT_SELECTED;
  const { comment } = judgeTaints(node.taints, set.tolerations);
  if (comment !== null) return { kind: "excluded", comment };
  const system = systemOf(node);
  if (system === "linux" || systems.has(system)) return MEMBER;
  return { kind: "excluded", comment: `Node runs ${system}, no image does` };
}

/** What is said of a node that is in no set: the comment of the first set that selects it; null for a member, or a node that no set selects. */
export function exclusionOf(memberships: readonly Membership[]): string | null {
  if (memberships.some(({ kind }) => kind === "member")) return null;
  const first = memberships.find(({ kind }) => kind === "excluded");
  return first?.kind === "excluded" ? first.comment : null;
}
