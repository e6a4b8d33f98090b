/** How long a kubelet takes for what it does now and then; milliseconds. */
export interface KubeletDelays {
  /** Between two readings of the images on disk. */
  readonly imageReadMs: number;
  /** Between two computations of the node's status, which is posted when it has changed. */
  readonly statusMs: number;
  /** Between two posts of a status that has not changed. */
  readonly heartbeatMs: number;
  /** Between two renewals of the node's lease. */
  readonly leaseMs: number;
  /** Until the first retry of a failed pull; doubles up to `pullBackoffMaxMs`. */
  readonly pullBackoffMs: number;
  readonly pullBackoffMaxMs: number;
  /** Between two looks of the image collector. */
  readonly collectMs: number;
  /** `imageMinimumGCAge`: an image that was first seen less than this ago is not collected for want of room. */
  readonly imageMinAgeMs: number;
  /** How long a container of ours runs until it exits. */
  readonly containerMs: number;
}

/** The delays of a real kubelet (facts.md, Kubernetes). */
export const realKubeletDelays: KubeletDelays = {
  imageReadMs: 30_000,
  statusMs: 10_000,
  heartbeatMs: 300_000,
  leaseMs: 10_000,
  pullBackoffMs: 10_000,
  pullBackoffMaxMs: 300_000,
  collectMs: 300_000,
  imageMinAgeMs: 120_000,
  containerMs: 1_000,
};

/** Delays for a demo, in which somebody watches and waits. */
export const demoKubeletDelays: KubeletDelays = {
  ...realKubeletDelays,
  imageReadMs: 1_000,
  statusMs: 500,
  pullBackoffMs: 2_000,
  pullBackoffMaxMs: 20_000,
  collectMs: 30_000,
  imageMinAgeMs: 10_000,
  containerMs: 200,
};

/** What a registry returns for a reference that a kubelet pulls. */
export interface PullableImage {
  readonly digest: string;
  readonly sizeBytes: number;
  /** False for an image without the program: its container is created and cannot be started. */
  readonly runs?: boolean;
}
