import { createHash } from "node:crypto";
import type { V1Pod, V1PodSpec } from "@kubernetes/client-node";
import type { Toleration } from "../../domain/nodes/node-report.ts";
import type { PrepullPodOptions } from "../../domain/prepull/pod-options.ts";
import type { PullOrder } from "../../domain/prepull/pull.ts";

/** What all pods of one prepuller have in common. */
export interface PrepullPodSettings {
  readonly namespace: string;
  /** Distinguishes prepullers that share a namespace (field case F44). Each sees the pods of its own instance only. */
  readonly instance: string;
  /** Name of the secret that the kubelet pulls with, or null. The labs must use the same one (facts.md, Kubernetes). */
  readonly pullSecret: string | null;
  /** Those by which nodes are judged eligible, so that no taint that they tolerate evicts the pod. */
  readonly tolerations: readonly Toleration[];
  /** What the operator has set. */
  readonly pod: PrepullPodOptions;
  /** Secret and tolerations of one pull, where they are others than those above; null where nothing is known of it. */
  readonly forPull?: ((order: PodOrder) => Pick<PrepullPodSettings, "pullSecret" | "tolerations"> | null) | undefined;
}

/** Whose deletion takes the pods along (meta/v1 OwnerReference): an object in the namespace of the pods. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
}

/** What the pod follows from. */
export type PodOrder = Omit<PullOrder, "timeout">;

/** The container's name. */
export const PREPULL_CONTAINER = "prepull";
/** Label by which the pods of an instance are found. */
export const INSTANCE_LABEL = "lab-images/prepuller";
/** Annotations from which the pod's name follows. */
export const NODE_UID_ANNOTATION = "lab-images/node-uid";
export const DIGEST_ANNOTATION = "lab-images/digest";

const MAX_LABEL_LENGTH = 63;
/** `nobody` in most images; any number but 0 does, since the program needs no account. */
const NOBODY = 65_534;

/**
 * The name of the pod that pulls this image to this node: a DNS label, and a function of the three alone, so that two
 * replicas of an instance cannot make two pods for one pull, and two instances never want one name. The instance may be
 * the value of its label as well. 160 bits of SHA-256 keep it unique.
 */
export function prepullPodName(instance: string, nodeUid: string, digest: string): string {
  return `prepull-${hashOf(`${instanceLabel(instance)}\n${nodeUid}\n${digest}`).slice(0, 40)}`;
}

/** The name that the first version gave such a pod, in every instance. */
export function formerPodName(nodeUid: string, digest: string): string {
  return `prepull-${hashOf(`${nodeUid}\n${digest}`).slice(0, 40)}`;
}

/** Value of the instance's label, and of itself; an instance may be longer than a label's value. */
export function instanceLabel(instance: string): string {
  if (instance.length <= MAX_LABEL_LENGTH) return instance;
  return `${instance.slice(0, 40)}-${hashOf(instance).slice(0, 20)}`;
}

/** Selector of all pods of these instances, as the API has it. */
export function prepullPodSelector(...instances: readonly string[]): string {
  return `${INSTANCE_LABEL} in (${instances.map(instanceLabel).join(",")})`;
}

/**
 * The pod that pulls an image (docs/spec/prepuller.md). It is bound to the node past the scheduler, keeps to the Pod
 * Security Standard "restricted", and asks for next to nothing. What its program does is of no account: the container
 * that the kubelet creates is the proof, so an image without `/bin/true` serves as well; where there is one, the pod
 * also ends without a warning. The working directory is one that every image has and everybody may enter.
 */
export function buildPrepullPod(common: PrepullPodSettings, order: PodOrder, owner: OwnerReference | null): V1Pod {
  const settings = { ...common, ...common.forPull?.(order) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: prepullPodName(settings.instance, order.nodeUid, order.digest),
      namespace: settings.namespace,
      labels: {
        "app.kubernetes.io/managed-by": "lab-images",
        "app.kubernetes.io/component": "prepuller",
        // The original's label (lsst-sqre/nublado, builder/prepuller.py): sites select on it.
        "nublado.lsst.io/category": "prepuller",
        // The label keeps Istio's webhook from being asked at all; older versions know the annotation alone.
        "sidecar.istio.io/inject": "false",
        ...settings.pod.labels,
        [INSTANCE_LABEL]: instanceLabel(settings.instance),
      },
      annotations: {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
        "sidecar.istio.io/inject": "false",
        ...settings.pod.annotations,
        [NODE_UID_ANNOTATION]: order.nodeUid,
        [DIGEST_ANNOTATION]: order.digest,
      },
      ...(owner === null ? {} : { ownerReferences: [{ ...owner }] }),
    },
    spec: podSpec(settings, order),
  };
}

function podSpec({ pullSecret, tolerations, pod }: PrepullPodSettings, order: PodOrder): V1PodSpec {
  const { priorityClassName, runtimeClassName, dnsPolicy } = pod;
  const security = securityOf(pod);
  return {
    nodeName: order.node,
    restartPolicy: "Never",
    activeDeadlineSeconds: Math.max(1, Math.ceil(order.podDeadline / 1_000)),
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    tolerations: tolerations.map(podToleration),
    ...(pullSecret === null ? {} : { imagePullSecrets: [{ name: pullSecret }] }),
    dnsPolicy,
    ...(priorityClassName === null ? {} : { priorityClassName }),
    ...(runtimeClassName === null ? {} : { runtimeClassName }),
    ...security.pod,
    containers: [
      {
        name: PREPULL_CONTAINER,
        image: order.reference,
        imagePullPolicy: "IfNotPresent",
        command: ["/bin/true"],
        workingDir: "/",
        resources: pod.resources,
        ...security.container,
      },
    ],
  };
}

/** What pod and container may do; nothing is said where the cluster's admission decides. */
function securityOf({ securityContext }: PrepullPodOptions) {
  if (securityContext === null) return { pod: {}, container: {} };
  if (securityContext !== "restricted") return { pod: {}, container: { securityContext } };
  return {
    pod: {
      securityContext: {
        runAsNonRoot: true,
        runAsUser: NOBODY,
        runAsGroup: NOBODY,
        seccompProfile: { type: "RuntimeDefault" },
      },
    },
    container: {
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
    },
  };
}

/** The API refuses `tolerationSeconds` with another effect than NoExecute, where it means nothing. */
function podToleration({ tolerationSeconds, ...toleration }: Toleration): Record<string, string | number> {
  const seconds =
    tolerationSeconds !== undefined && toleration.effect === "NoExecute" ? { tolerationSeconds } : undefined;
  const present = Object.entries(toleration).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { ...Object.fromEntries(present), ...seconds };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
