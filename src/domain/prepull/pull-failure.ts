import type { PullFailure } from "./pull.ts";

/** The kinds of failure that are told apart, by who can help: a bounded set, fit for a metric's label. */
export const PULL_FAILURE_CLASSES = [
  "registry-denied",
  "registry-rate-limited",
  "registry-untrusted",
  "registry-unavailable",
  "image-not-found",
  "image-unusable",
  "disk-full",
  "timeout",
  "evicted",
  "node-refused",
  "node-runtime",
  "container-failed",
  "refused",
  "kubernetes-unavailable",
  "interrupted",
  "other",
] as const;

/** See PULL_FAILURE_CLASSES. */
export type PullFailureClass = (typeof PULL_FAILURE_CLASSES)[number];

/**
 * Reasons that say by themselves what has failed. Of the kubelet (1.30 to 1.36: `images/types.go`, `lifecycle/predicate.go`,
 * `kuberuntime_container.go`, `eviction`, `nodeshutdown`), of the API server (`metav1.StatusReason`), and our own.
 */
const REASONS: readonly (readonly [PullFailureClass, string])[] = [
  ["timeout", "DeadlineExceeded Timeout"],
  ["evicted", "Evicted"],
  ["image-unusable", "InvalidImageName SignatureValidationFailed"],
  [
    "node-refused",
    "AppArmor ErrImageNeverPull InitContainerRestartPolicyForbidden InvalidNodeInfo NodeAffinity NodeName " +
      "NodePorts PodOSNotSupported PodOSSelectorNodeLabelDoesNotMatch SMTAlignmentError " +
      "SupplementalGroupsPolicyNotSupported SysctlForbidden TaintToleration TopologyAffinityError " +
      "UnexpectedAdmissionError UnexpectedPredicateFailureType UnknownReason",
  ],
  [
    "container-failed",
    "Completed ContainerCannotRun ContainerStatusUnknown CrashLoopBackOff CreateContainerConfigError " +
      "CreateContainerError Error OOMKilled PostStartHookError PreCreateHookError PreStartHookError " +
      "RunContainerError StartError",
  ],
  [
    "refused",
    "AlreadyExists BadRequest Conflict Forbidden Gone Invalid MethodNotAllowed NotAcceptable NotFound " +
      "RequestEntityTooLarge Unauthorized UnsupportedMediaType KUBERNETES_DENIED",
  ],
  [
    "kubernetes-unavailable",
    "InternalError ServerTimeout ServiceUnavailable StoreReadError TooManyRequests Unavailable " +
      "KUBERNETES_UNAVAILABLE",
  ],
  [
    "interrupted",
    "Deleted DeletionByPodGC DeletionByTaintManager EvictionByEvictionAPI NodeLost NodeShutdown " +
      "Preempting PreemptionByScheduler Shutdown Terminated TerminationByKubelet",
  ],
];

const CLASS_OF_REASON: ReadonlyMap<string, PullFailureClass> = new Map(
  REASONS.flatMap(([name, reasons]) => reasons.split(" ").map((reason) => [reason, name] as const)),
);

/** Reasons that leave it to the message, and the class where that does not say it either. */
const CLASS_BEHIND_MESSAGE: ReadonlyMap<string, PullFailureClass> = new Map([
  ["ErrImagePull", "other"],
  ["ImagePullBackOff", "other"],
  ["RegistryUnavailable", "registry-unavailable"],
  ["ImageInspectError", "node-runtime"],
]);

/** Of whatever reason it is said: it is the node that needs help then. */
const DISK_FULL = anyOf(
  "no space left on device",
  "disk quota",
  "disk ?pressure",
  "ephemeral-storage",
  "ephemeral (?:local )?storage",
  "out ?of ?disk",
  "low on resource: (?:inodes|nodefs|imagefs|containerfs)",
);

/**
 * What containerd, CRI-O and registries say of a failed pull, by what it means; the first that fits decides. A registry's
 * refusals often say "not found" too, since it does not tell strangers what it has; the socket of a runtime that is down
 * refuses connections as a registry does; and a limit on requests is told with advice to log in.
 */
const WORDS: readonly (readonly [PullFailureClass, RegExp])[] = [
  [
    "node-runtime",
    anyOf(
      "[.]sock\\b",
      "read-only file system",
      "input/output error",
      "\\b(?:mkdir|open|write|mount|rename|unlinkat|lchown) .*: permission denied",
    ),
  ],
  [
    "registry-rate-limited",
    anyOf("toomanyrequests", "too many requests", "\\b429\\b", "rate limit", "quota exceeded", "throttl"),
  ],
  [
    "image-unusable",
    anyOf(
      "no match for platform",
      "no image found in (?:manifest list|image index)",
      "unsupported (?:media|manifest)",
      "schema ?1\\b",
      "unexpected commit digest",
      "failed size validation",
      "digest did not match",
      "mismatched",
      "invalid (?:tar )?header",
      "invalid checksum",
      "invalid reference format",
      "source image rejected",
    ),
  ],
  ["registry-untrusted", anyOf("x509:", "\\btls: ", "certificate", "server gave http response to https client")],
  [
    "registry-denied",
    anyOf(
      "\\bdenied\\b",
      "unauthorized",
      "unauthenticated",
      "forbidden",
      "\\b40[13]\\b",
      "no basic auth",
      "authentication required",
      "authorization failed",
    ),
  ],
  ["image-not-found", anyOf("not found", "(?:manifest|name|blob) unknown", "\\b404\\b", "code = NotFound")],
  [
    "registry-unavailable",
    anyOf(
      "timeout",
      "timed out",
      "deadline exceeded",
      "context canceled",
      "connection (?:refused|reset)",
      "no such host",
      "name resolution",
      "server misbehaving",
      "no route to host",
      "network is unreachable",
      "broken pipe",
      "\\bEOF\\b",
      "stream error",
      "proxyconnect",
      "\\b50[0-4]\\b",
      "bad gateway",
      "service unavailable",
      "internal server error",
    ),
  ],
];

function anyOf(...patterns: readonly string[]): RegExp {
  return new RegExp(patterns.join("|"), "i");
}

/** Names and addresses, in which any word and any number may occur. */
const NAMES = /\\?"[^"]*"|https?:\/\/\S+|\S*@?sha256:[0-9a-f]+|\b\d+(?:\.\d+){3}(?::\d+)?/g;

/**
 * The kind of a failure. The kubelet says `ErrImagePull` of almost anything, so what it says of the cause decides there. A
 * full disk goes before whatever else a node has to say. What nobody has heard of yet is `other`.
 */
export function classOfFailure({ reason, message }: PullFailure): PullFailureClass {
  const known = CLASS_OF_REASON.get(reason);
  // The API server speaks of storage too, where a quota or a limit of it is meant, and not of any node's disk.
  if (known === "refused" || known === "kubernetes-unavailable") return known;
  if (DISK_FULL.test(reason) || DISK_FULL.test(message)) return "disk-full";
  if (known !== undefined) return known;
  // The kubelet names whatever resource is short: cpu, memory, pods, or an extended one.
  if (reason.startsWith("OutOf")) return "node-refused";
  const behind = CLASS_BEHIND_MESSAGE.get(reason);
  return behind === undefined ? "other" : (classOfWords(message) ?? behind);
}

function classOfWords(message: string): PullFailureClass | null {
  const words = message.replaceAll(NAMES, " ");
  return WORDS.find(([, pattern]) => pattern.test(words))?.[0] ?? null;
}
