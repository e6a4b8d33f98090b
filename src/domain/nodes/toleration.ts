import type { Taint, Toleration } from "./node-report.ts";

/** Whether images belong on a node, as its taints have it. */
export interface Eligibility {
  readonly eligible: boolean;
  /** Why not: the first taint that is not tolerated; null for an eligible node. */
  readonly comment: string | null;
}

const ELIGIBLE: Eligibility = { eligible: true, comment: null };

/** Judges a node by its taints (docs/spec/nodes.md; Kubernetes, Taints and Tolerations). */
export function judgeTaints(taints: readonly Taint[], tolerations: readonly Toleration[]): Eligibility {
  const taint = taints.find(
    (candidate) => isHardTaint(candidate) && !tolerations.some((each) => tolerates(each, candidate)),
  );
  if (taint === undefined) return ELIGIBLE;
  const value = taint.value === "" ? "" : ` = ${taint.value}`;
  return { eligible: false, comment: `Node is tainted (${taint.effect}, ${taint.key}${value})` };
}

/** `PreferNoSchedule` is a wish: a pod that names its node runs in spite of it. */
function isHardTaint(taint: Taint): boolean {
  return taint.effect !== "PreferNoSchedule";
}

/** Empty texts count as absent, as in the Kubernetes API. An operator that is not known tolerates nothing. */
function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  // Such a pod is let in and then evicted, when the seconds are over: perhaps in the middle of a pull.
  if (taint.effect === "NoExecute" && toleration.tolerationSeconds !== undefined) return false;
  switch (toleration.operator || "Equal") {
    case "Exists":
      return !toleration.key || toleration.key === taint.key;
    case "Equal":
      return (toleration.key ?? "") === taint.key && (toleration.value ?? "") === taint.value;
    default:
      return false;
  }
}
