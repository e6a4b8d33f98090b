import { type ApiObject, isJsonObject, type Json, type JsonObject } from "./kubernetes-objects.ts";
import type { KubernetesStore } from "./kubernetes-store.ts";

/** Conditions of a node and the taints that stand for them: `status` of the condition, key and value of the taint. */
const conditionTaints: readonly { condition: string; status: string; key: string }[] = [
  { condition: "Ready", status: "False", key: "node.kubernetes.io/not-ready" },
  { condition: "Ready", status: "Unknown", key: "node.kubernetes.io/unreachable" },
  { condition: "MemoryPressure", status: "True", key: "node.kubernetes.io/memory-pressure" },
  { condition: "DiskPressure", status: "True", key: "node.kubernetes.io/disk-pressure" },
  { condition: "PIDPressure", status: "True", key: "node.kubernetes.io/pid-pressure" },
  { condition: "NetworkUnavailable", status: "True", key: "node.kubernetes.io/network-unavailable" },
];

const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";

/**
 * Plays the node lifecycle controller: turns a cordon (`spec.unschedulable`) and the conditions that a kubelet reports
 * into `NoSchedule` taints, each in a write of its own a moment after the change. A node that has never said whether it
 * is ready keeps the taints it was made with. Answers what ends it.
 */
export function runNodeLifecycle(store: KubernetesStore): () => void {
  const due = new Set<string>();
  let scheduled: NodeJS.Immediate | null = null;

  function reconcileDue(): void {
    scheduled = null;
    const names = [...due];
    due.clear();
    for (const name of names) {
      const node = store.get("nodes", name);
      const wanted = node === undefined ? null : withControlledTaints(node);
      if (wanted !== null) store.replace("nodes", name, wanted);
    }
  }

  const unsubscribe = store.subscribe("nodes", ({ type, object }) => {
    if (type === "DELETED") return;
    due.add(object.metadata.name);
    scheduled ??= setImmediate(reconcileDue);
  });
  return () => {
    unsubscribe();
    if (scheduled !== null) clearImmediate(scheduled);
  };
}

/** The node with the taints that its state calls for, or null where it has them already. */
function withControlledTaints(node: ApiObject): ApiObject | null {
  const taints = listOfObjects(node.spec?.["taints"]);
  const wanted = new Set<string>();
  const controlled = new Set([UNSCHEDULABLE]);
  if (node.spec?.["unschedulable"] === true) wanted.add(UNSCHEDULABLE);
  const conditions = new Map(listOfObjects(node.status?.["conditions"]).map((each) => [each["type"], each["status"]]));
  for (const { condition, status, key } of conditionTaints) {
    if (!conditions.has(condition)) continue;
    controlled.add(key);
    if (conditions.get(condition) === status) wanted.add(key);
  }
  const kept = taints.filter((taint) => !isControlled(taint, controlled) || wanted.has(String(taint["key"])));
  const present = new Set(kept.filter((taint) => isControlled(taint, controlled)).map((taint) => String(taint["key"])));
  const added = [...wanted].filter((key) => !present.has(key)).map((key) => ({ key, effect: "NoSchedule" }));
  if (added.length === 0 && kept.length === taints.length) return null;
  return { ...node, spec: { ...node.spec, taints: [...kept, ...added] } };
}

function isControlled(taint: JsonObject, keys: ReadonlySet<string>): boolean {
  return taint["effect"] === "NoSchedule" && keys.has(String(taint["key"]));
}

function listOfObjects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
