import type { SimulatedTime } from "../kubernetes/kubernetes-time.ts";
import type { KubeletClient } from "./kubelet-client.ts";
import type { PodView } from "./kubelet-pod-status.ts";

/** Writes the events of a node's pods, as a kubelet does beside its work: what cannot be written is lost. */
export interface EventRecorder {
  record(pod: PodView, reason: string, message: string): void;
}

const WARNINGS: ReadonlySet<string> = new Set(["Failed", "MissingClusterDNS"]);

/** Events of the kubelet on this node. */
export function createEventRecorder(context: {
  readonly nodeName: string;
  readonly client: KubeletClient;
  readonly time: SimulatedTime;
}): EventRecorder {
  const { nodeName, client, time } = context;
  let sequence = 0;
  return {
    record({ namespace, name, uid }, reason, message) {
      sequence += 1;
      const now = new Date(time.wallTime()).toISOString().replace(/\.\d+/, "");
      const event = {
        apiVersion: "v1",
        kind: "Event",
        metadata: { name: `${name}.${sequence.toString(16)}.${nodeName}`, namespace },
        involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name, uid },
        reason,
        message,
        type: WARNINGS.has(reason) ? "Warning" : "Normal",
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
        source: { component: "kubelet", host: nodeName },
      };
      client.request("POST", `/api/v1/namespaces/${namespace}/events`, event).catch(() => undefined);
    },
  };
}
