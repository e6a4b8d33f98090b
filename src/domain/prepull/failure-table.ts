/** One class of failures: how it is recognised, and what is said of it. */
interface FailureRow {
  readonly failureClass: string;
  /** What happened, for an operator. What the kubelet or the API server said goes after it. */
  readonly message: string;
  /** What an operator can do, and where to look. */
  readonly remedy: string;
  /** Reasons that name the class by themselves, with blanks between them. */
  readonly reasons?: string;
  /** Such reasons with a message of their own. */
  readonly messages?: readonly (readonly [reasons: string, message: string])[];
  /** Reasons that leave the class to the text; this is the class where no pattern fits. */
  readonly openReasons?: string;
  /** What runtimes, registries and kubelets say of it, names left out (`withoutNames`). */
  readonly pattern?: RegExp;
}

/**
 * Why pulls fail: class, how it is recognised, message and remedy. A class says who has to act, and is a bounded set, fit
 * for a metric's label. The reasons are those of the kubelet (1.20 to 1.36: `images/types.go`, `kuberuntime_container.go`,
 * `lifecycle/predicate.go`, `eviction`, `nodeshutdown`), of virtual kubelets, of the API server (`metav1.StatusReason`) and our
 * own. The patterns are for the words of containerd 1.2 to 2.x, CRI-O, Docker and the registries; the first row that fits
 * decides, so what a node says of itself stands before what it says of a registry: "not found" is said of snapshots too.
 */
export const FAILURE_TABLE = [
  {
    failureClass: "disk-full",
    message: "the node's disk is full",
    remedy: "free space on the node, or give it a larger disk: the images that belong on it do not fit",
    reasons: "DiskPressure OutOfDisk OutOfephemeral-storage",
    pattern: anyOf`
      no space left on device | not enough space on the disk | disk quota | disk ?pressure | out ?of ?disk
      ephemeral-storage | ephemeral (?:local )?storage | low on resource: (?:inodes|nodefs|imagefs|containerfs)
      thin pool has \d+ free | out of (?:data|metadata) space`,
  },
  {
    failureClass: "node-runtime",
    message: "the node's container runtime or its disk fails",
    remedy: "look at the container runtime, the kubelet and the disk of the node",
    reasons: "FailedCreatePodSandBox FailedPodSandBoxStatus NetworkNotReady",
    openReasons: "ImageInspectError",
    pattern: anyOf`
      <socket> | \bdial unix\b | \bconnection error: desc | error reading from server | transport is closing
      keepalive ping failed | unknown service | message larger than max | is the docker daemon running
      read-only file system | input/output error | structure needs cleaning | stale (?:nfs )?file handle
      cannot allocate memory | out of memory | signal: killed | too many open files | fork/exec
      resource temporarily unavailable | device or resource busy | operation not (?:permitted|supported)
      executable file not found | \bhcsshim\b | \bhcs::
      \b(?:l?chown|chmod|link|l?stat|mkdir|mknod|mount|open|openat|symlink|unlinkat|write)\b[^:]{0,80}: permission denied
      \b(?:chmod|link|l?stat|mkdir|mknod|mount|open|openat|rename|unlinkat)\b[^:]{0,80}: no such file or directory
      \b(?:lchown|link|mount|rename|unlinkat)\b[^:]{0,80}: (?:invalid argument|directory not empty|file exists)
      failed to (?:mount|lchown|activate mounts)\b | overlay mount\b.{0,80}: (?:no such file|invalid argument)
      snapshot(?:ter)?\b.{0,80}\b(?:does not exist|was not found|already exists|no such file) | missing parent\b.{0,60}\bnot found
      \blease\b.{0,60}\bnot found | \b(?:content digest|blob)\b.{0,80}\bexpected at\b | content digest\b.{0,20}: not found
      content store | \blocked\b.{0,60}: unavailable | failed to start transaction | database not open
      layer not known | creating read-(?:write|only) layer | incomplete layer | failed to record image pull intent`,
  },
  {
    failureClass: "node-refused",
    message: "the kubelet has refused the pod",
    remedy: "look at the node: it has no room for the pod, does not suit it, or limits its pulls",
    reasons:
      "AppArmor ErrImageNeverPull InitContainerRestartPolicyForbidden InvalidNodeInfo NodeAffinity NodeName NodePorts " +
      "PodOSNotSupported PodOSSelectorNodeLabelDoesNotMatch SMTAlignmentError SupplementalGroupsPolicyNotSupported " +
      "SysctlForbidden TopologyAffinityError UnexpectedAdmissionError UnexpectedPredicateFailureType UnknownReason",
    messages: [["TaintToleration", "the node has a taint that the pod does not tolerate"]],
    openReasons: "ProviderFailed ProviderCreateFailed",
    pattern: anyOf`pull QPS exceeded | is not present with pull policy of never`,
  },
  {
    failureClass: "registry-rate-limited",
    message: "the registry limits how much may be pulled",
    remedy: "give the pods a pull secret, use a mirror, or lower prepuller.maxConcurrentPulls",
    pattern: anyOf`toomanyrequests | too many requests | #429 | rate limit | quota exceeded | throttl`,
  },
  {
    failureClass: "image-unusable",
    message: "the image cannot be used on the node",
    remedy: "build or push the image again: it is damaged, not signed, or not made for these nodes",
    reasons: "InvalidImageName SignatureValidationFailed",
    pattern: anyOf`
      no match for platform | no matching manifest for | no image found in (?:manifest list|image index)
      does not match the specified platform | image is incompatible with
      operating system .{0,30}(?:cannot be used|is not supported|when requesting) | encountered unknown type
      unsupported (?:docker |oci )?(?:v2s2 )?(?:media|mediatype|manifest|image-specific|config|compression)
      unimplemented manifest mime type | unrecogni[sz]ed mediatype | media type .{0,20}is no longer supported
      no processor for media-type | \bzstd\b | magic number mismatch | schema ?1\b | missing signature key
      unexpected commit (?:digest|size) | failed size validation | content size of zero | digest did not match
      manifest does not match | verification failed for digest | wrong diff id
      layers? .{0,20}don't match | mismatched | manifest invalid | max depth exceeded | invalid (?:tar )?header | invalid checksum
      corrupt(?:ed)? (?:input|--) | unpigz | unmarshal image config | unmarshal .{0,20}into manifest
      (?:extract layer|register layer|applylayer|processing tar|unpacking failed|diffid)\b.{0,300}\bEOF\b
      (?:extract layer|register layer|applylayer|processing tar|unpacking failed)\b.{0,300}: not a directory
      parsing (?:image configuration|primary manifest|list manifest) | invalid reference format | couldn't parse image
      short.name\b | source image rejected | signature (?:was required|validation|verification)
      no signature exists | none of the signatures | image verifier`,
  },
  {
    failureClass: "network",
    message: "the node cannot reach the registry",
    remedy: "look at DNS, routes, firewalls and the proxy of the nodes, and whether the registry is up",
    pattern: anyOf`
      no such host | name resolution | server misbehaving | no route to host | (?:network|host) is (?:unreachable|down)
      connection (?:refused|reset|timed out|aborted) | forcibly closed | \bi/o timeout | handshake timeout | broken pipe
      awaiting headers | waiting for connection | timeout awaiting | \bdial (?:tcp|udp)\b
      proxyconnect | proxy authentication | #407 | connection (?:lost|closed) | use of closed network connection`,
  },
  {
    failureClass: "registry-untrusted",
    message: "the node does not trust the registry's certificate, or speaks another protocol with it",
    remedy: "install the registry's authority on the nodes, or configure the registry in their container runtime",
    pattern: anyOf`
      x509: | \btls: | certificate | \bCA cert\b | server gave http response to https client | malformed http response
      can't talk to a v1 container registry | unsupported protocol scheme`,
  },
  {
    failureClass: "registry-denied",
    message: "the registry does not let the node pull",
    remedy: "look at prepuller.pullSecret: it is missing, expired, or may not read the repository",
    pattern: anyOf`
      \bdenied\b | unauthorized | unauthenticated | not authorized | forbidden | #(?:401|402|403|412|451)
      credentials | no basic auth | insufficient_scope | token (?:has )?expired | expired ?token | missing username or secret | invalid username/password | authentication required
      authorization failed | authorization token | auth challenge | not include a token | retrieve auth token
      (?:oauth|anonymous) token.{0,80} 400\b | due to configured policy | project ?policy ?violation`,
  },
  {
    failureClass: "image-not-found",
    message: "the registry does not have the image",
    remedy: "push the image again, or refresh: the registry no longer has it",
    pattern: anyOf`
      (?<!unexpected media type.{0,120})not found | (?:manifest|name|blob) unknown | unknown blob
      repository does not exist | name invalid | #(?:404|410)`,
  },
  {
    failureClass: "registry-unavailable",
    message: "the registry fails or does not answer in time",
    remedy: "look at the registry, and at the proxy or mirror before it",
    openReasons: "RegistryUnavailable",
    pattern: anyOf`
      timeout | timed out | deadline exceeded | (?:context|request) cancell?ed | \bEOF\b | short read | stream error
      goaway | stopped after \d+ redirects | unexpected media type | unexpected (?:http )?status | received unexpected
      #(?:400|405|408|416|500|502|503|504|52\d) | bad (?:request|gateway) | service unavailable | internal server error
      invalid character | unable to decode token response | registry is unavailable`,
  },
  {
    failureClass: "pod-altered",
    message: "an admission webhook has changed the pod so that it cannot pull",
    remedy: "look at the webhooks: pods of the prepuller keep their image by digest, and need no other containers",
    messages: [["ImageReplaced", "the pod was given another image"]],
  },
  {
    failureClass: "container-failed",
    message: "the kubelet cannot create a container from the image",
    remedy: "look at prepuller.pod.securityContext, at admission webhooks and at the container runtime",
    reasons:
      "Completed ContainerCannotRun ContainerStatusUnknown CrashLoopBackOff CreateContainerConfigError " +
      "CreateContainerError Error OOMKilled PostStartHookError PreCreateHookError PreStartHookError " +
      "RunContainerError StartError",
  },
  {
    failureClass: "timeout",
    message: "the pull has taken longer than it may",
    remedy: "raise images.prepullTimeout if pulls are slow, and look at nodes on which they hang",
    reasons: "DeadlineExceeded Timeout",
  },
  {
    failureClass: "evicted",
    message: "the kubelet has evicted the pod",
    remedy: "look at the node: it is short of memory, processes or disk",
    reasons: "Evicted",
  },
  {
    failureClass: "refused",
    message: "the API server refuses the pod",
    remedy: "look at the role of the prepuller, and at quotas, limits, admission and service accounts of its namespace",
    reasons:
      "BadRequest Conflict Gone Invalid MethodNotAllowed NotAcceptable NotFound RequestEntityTooLarge " +
      "UnsupportedMediaType KUBERNETES_DENIED",
    messages: [
      ["Forbidden", "the API server does not allow the pod"],
      ["Unauthorized", "the API server does not accept our credentials"],
    ],
  },
  {
    failureClass: "name-taken",
    message: "another pod has the name of the prepull pod",
    remedy: "delete the pod with that name, or let the prepuller use a namespace of its own",
    reasons: "AlreadyExists",
  },
  {
    failureClass: "kubernetes-unavailable",
    message: "the API server does not answer, or fails",
    remedy: "look at the API server and its admission webhooks",
    reasons:
      "InternalError ServerTimeout ServiceUnavailable StoreReadError TooManyRequests Unavailable KUBERNETES_UNAVAILABLE",
  },
  {
    failureClass: "interrupted",
    message: "the pod was removed before the image was there",
    remedy: "nothing, where the node was drained or stopped on purpose",
    messages: [
      ["Deleted", "somebody has deleted the pod before the image was there"],
      ["NodeShutdown Shutdown Terminated", "the node is shutting down"],
      ["Preempting PreemptionByScheduler", "the pod had to make room for a more important one"],
      ["NodeLost", "the node has stopped reporting"],
      ["DeletionByTaintManager", "the pod was deleted because of a taint that it does not tolerate"],
      ["DeletionByPodGC", "the pod was deleted because its node has gone"],
      ["EvictionByEvictionAPI", "the pod was evicted from its node"],
      ["TerminationByKubelet", "the kubelet has ended the pod"],
    ],
  },
  { failureClass: "other", message: "the pull has failed", remedy: "look at the message" },
] as const satisfies readonly FailureRow[];

/** Who has to act when a pull has failed: see FAILURE_TABLE. */
export type PullFailureClass = (typeof FAILURE_TABLE)[number]["failureClass"];

/** A row of the table, whichever of its parts it has. */
export type KnownFailureRow = FailureRow & { readonly failureClass: PullFailureClass };

/** Alternatives between ` | ` or on lines of their own, whatever the case; `#` begins the status of HTTP, a word of its own. */
function anyOf({ raw }: TemplateStringsArray): RegExp {
  const patterns = (raw[0] ?? "").trim().split(/\s*\n\s*| \| /);
  return new RegExp(patterns.map((one) => one.replace(/^#(.*)$/, "(?<![\\w-])$1(?![\\w-])")).join("|"), "i");
}
