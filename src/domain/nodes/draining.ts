import type { NodeReport, Taint } from "./node-report.ts";

/** The taint of a node that was cordoned: `kubectl drain` begins with it. */
export const CORDON: Taint = { key: "node.kubernetes.io/unschedulable", value: "", effect: "NoSchedule" };

/** Taints of nodes that are being emptied, by kubectl, cluster-autoscaler and Karpenter. */
const DRAIN_KEYS: ReadonlySet<string> = new Set([
  CORDON.key,
  "ToBeDeletedByClusterAutoscaler",
  "karpenter.sh/disrupted",
  "karpenter.sh/disruption",
]);

/**
 * Why the built-in prepuller pulls nothing to a node that is being drained, also where the tolerations of the pods are for
 * all taints (field case F28); null where it is not drained.
 */
export function drainOf({ taints }: NodeReport): string | null {
  const taint = taints.find(({ key }) => DRAIN_KEYS.has(key));
  return taint === undefined ? null : `the node is cordoned or being drained (${taint.key})`;
}
