/** A taint as the Kubernetes API has it (core/v1 Taint); `value` is empty where the taint has none. */
export interface Taint {
  readonly key: string;
  readonly value: string;
  readonly effect: string;
}

/** A toleration as the Kubernetes API has it (core/v1 Toleration). Absent fields are undefined. */
export interface Toleration {
  readonly key?: string | undefined;
  readonly operator?: string | undefined;
  readonly value?: string | undefined;
  readonly effect?: string | undefined;
  readonly tolerationSeconds?: number | undefined;
}

/** One entry of `node.status.images`, reduced to what is used: every digest that stands in any of its names. */
export interface ReportedImage {
  /** Distinct digests (`algorithm:hex`), in the order of the names. Empty where no name carries one. */
  readonly digests: readonly string[];
  /** Bytes on disk as the node reports them; 0 where it does not say. */
  readonly sizeBytes: number;
}

/**
 * What one node says of itself: the fields of a core/v1 Node that decide eligibility and presence. Immutable; equal
 * entries of `images` are best shared between nodes, since a cluster repeats the same few on thousands of nodes.
 */
export interface NodeReport {
  readonly name: string;
  /** Identity of the object: a node made again under the same name has another uid. */
  readonly uid: string;
  /** The label `kubernetes.io/arch`, else what the kubelet says (nodeInfo), or null where neither has it. */
  readonly architecture: string | null;
  /** The same of the operating system: `kubernetes.io/os`. */
  readonly os: string | null;
  /** The labels that decide to which sets the node belongs; others are left out. Best shared between nodes, as images are. */
  readonly labels: Readonly<Record<string, string>>;
  /** When the node was created, milliseconds since the epoch; null where that is not known. */
  readonly createdAt: number | null;
  /** Since when it has not been ready, milliseconds since the epoch; null while it is ready, or where it does not say. */
  readonly notReadySince: number | null;
  readonly taints: readonly Taint[];
  /** The kubelet's list, in its order; empty where the node reports none (or null). */
  readonly images: readonly ReportedImage[];
}

/**
 * The distinct digests in the names of one image of a node. A name is `repository@algorithm:hex` or
 * `repository:tag`; a runtime may report several digests for one image (index and architecture), in any order.
 */
export function digestsInNames(names: readonly string[]): readonly string[] {
  const digests: string[] = [];
  for (const name of names) {
    const at = name.lastIndexOf("@");
    if (at < 0 || at === name.length - 1) continue;
    const digest = name.slice(at + 1);
    if (!digests.includes(digest)) digests.push(digest);
  }
  return digests;
}
