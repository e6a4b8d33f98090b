import type { PullFailureClass } from "../../domain/prepull/failure-table.ts";
import type { NodeImage, NodeStatus, PrepullProgress } from "../../domain/snapshot/answers.ts";
import { ownBytes } from "../../lib/bytes.ts";
import type { FailureClass } from "../gen/labimages/v1/FailureClass.ts";
import { fieldNumbers, messageEncoder } from "../server/contract.ts";
import { encodeNodeImage, encodeNodeStatus } from "./image-message.ts";
import { safeText } from "./safe-text.ts";
import { timestampMessage } from "./time-message.ts";
import { delimited } from "./wire.ts";

const encodeProgressMessage = messageEncoder("labimages.v1.PrepullProgress");
const field = fieldNumbers("labimages.v1.PrepullStatus");
const encodings = new WeakMap<PrepullProgress, Buffer>();

/** The values of `labimages.v1.FailureClass`. */
const FAILURE_CLASSES: Readonly<Record<PullFailureClass, FailureClass>> = {
  "disk-full": "FAILURE_CLASS_DISK_FULL",
  "node-runtime": "FAILURE_CLASS_NODE_RUNTIME",
  "node-refused": "FAILURE_CLASS_NODE_REFUSED",
  "registry-rate-limited": "FAILURE_CLASS_REGISTRY_RATE_LIMITED",
  "image-unusable": "FAILURE_CLASS_IMAGE_UNUSABLE",
  network: "FAILURE_CLASS_NETWORK",
  "registry-untrusted": "FAILURE_CLASS_REGISTRY_UNTRUSTED",
  "registry-denied": "FAILURE_CLASS_REGISTRY_DENIED",
  "image-not-found": "FAILURE_CLASS_IMAGE_NOT_FOUND",
  "registry-unavailable": "FAILURE_CLASS_REGISTRY_UNAVAILABLE",
  "pod-altered": "FAILURE_CLASS_POD_ALTERED",
  "container-failed": "FAILURE_CLASS_CONTAINER_FAILED",
  timeout: "FAILURE_CLASS_TIMEOUT",
  evicted: "FAILURE_CLASS_EVICTED",
  refused: "FAILURE_CLASS_REFUSED",
  "name-taken": "FAILURE_CLASS_NAME_TAKEN",
  "kubernetes-unavailable": "FAILURE_CLASS_KUBERNETES_UNAVAILABLE",
  interrupted: "FAILURE_CLASS_INTERRUPTED",
  other: "FAILURE_CLASS_OTHER",
};

/** `labimages.v1.PrepullProgress`, encoded once for each object: one that is as it was is the same object. */
function encodeProgress(progress: PrepullProgress): Buffer {
  const known = encodings.get(progress);
  if (known !== undefined) return known;
  const message = encodeProgressMessage({
    node: progress.node,
    reference: progress.reference,
    prepullState: `PREPULL_STATE_${progress.state}`,
    reason: safeText(progress.reason),
    message: safeText(progress.message),
    attempts: progress.attempts,
    startTime: timestampMessage(progress.startTime),
    nextAttemptTime: timestampMessage(progress.nextAttemptTime),
    failureClass: progress.failureClass === null ? "FAILURE_CLASS_UNSPECIFIED" : FAILURE_CLASSES[progress.failureClass],
  });
  const bytes = ownBytes(message);
  encodings.set(progress, bytes);
  return bytes;
}

/** The part of a `PrepullStatus` that one node takes: its status, and all the work on it. */
export function nodePart(status: NodeStatus, progress: readonly PrepullProgress[]): Buffer {
  const parts = progress.map((one) => delimited(field("progress"), encodeProgress(one)));
  return Buffer.concat([delimited(field("nodes"), encodeNodeStatus(status)), ...parts]);
}

/** The part of a `PrepullStatus` that one image takes. */
export function imagePart(entry: NodeImage, isPrepulled: boolean): Buffer {
  return delimited(field(isPrepulled ? "prepulled" : "pending"), encodeNodeImage(entry));
}
