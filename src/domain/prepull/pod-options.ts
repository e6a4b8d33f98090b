/** Quantities by resource, as Kubernetes writes them. */
type Quantities = Readonly<Record<string, string>>;

/** Where a pod's names are resolved: with the node's own resolver, or with the cluster's. */
export const DNS_POLICIES = ["Default", "ClusterFirst", "ClusterFirstWithHostNet"] as const;

/** See DNS_POLICIES. */
type DnsPolicy = (typeof DNS_POLICIES)[number];

/** What an operator may set of the pods that pull (`prepuller.pod`, field case F21); fields as the Kubernetes API has them. */
export interface PrepullPodOptions {
  readonly resources: { readonly requests: Quantities; readonly limits: Quantities };
  /**
   * Of the container (core/v1 SecurityContext). `restricted`: what the Pod Security Standard of that name asks for, for pod
   * and container. Null: none, where admission sets one, as OpenShift does.
   */
  readonly securityContext: Readonly<Record<string, unknown>> | "restricted" | null;
  readonly priorityClassName: string | null;
  readonly runtimeClassName: string | null;
  readonly dnsPolicy: DnsPolicy;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Next to nothing is asked for, so that there is room on a full node. The limit is for the container's start, which counts
 * as the container's own: held to a thousandth of a CPU it takes seconds, in which the image's id is not reported yet.
 * With the node's own DNS a kubelet without cluster DNS has nothing to warn of; the pod resolves no names.
 */
export const DEFAULT_POD_OPTIONS: PrepullPodOptions = {
  resources: { requests: { cpu: "1m", memory: "32Mi" }, limits: { cpu: "100m", memory: "32Mi" } },
  securityContext: "restricted",
  priorityClassName: null,
  runtimeClassName: null,
  dnsPolicy: "Default",
  labels: {},
  annotations: {},
};

/**
 * Whether a label or an annotation is the service's own: it finds its pods by it, or keeps them apart from the pods of the
 * server, which a Service selects.
 */
export function isOwnKey(key: string): boolean {
  return key.startsWith("lab-images/") || key.startsWith("app.kubernetes.io/");
}
