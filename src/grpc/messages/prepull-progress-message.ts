import type { NodeImage, NodeStatus, PrepullProgress } from "../../domain/snapshot/answers.ts";
import { messageEncoder } from "../server/contract.ts";
import { PREPULL_STATUS_FIELD as FIELD } from "./field-numbers.ts";
import { encodeNodeImage, encodeNodeStatus } from "./image-message.ts";
import { safeText } from "./safe-text.ts";
import { timestampMessage } from "./time-message.ts";
import { delimited } from "./wire.ts";

const encodeProgressMessage = messageEncoder("labimages.v1.PrepullProgress");
const encodings = new WeakMap<PrepullProgress, Buffer>();

/** `labimages.v1.PrepullProgress`, encoded once for each object: one that is as it was is the same object. */
function encodeProgress(progress: PrepullProgress): Buffer {
  const known = encodings.get(progress);
  if (known !== undefined) return known;
  const bytes = encodeProgressMessage({
    node: progress.node,
    reference: progress.reference,
    prepullState: `PREPULL_STATE_${progress.state}`,
    reason: safeText(progress.reason),
    message: safeText(progress.message),
    attempts: progress.attempts,
    startTime: timestampMessage(progress.startTime),
    nextAttemptTime: timestampMessage(progress.nextAttemptTime),
  });
  encodings.set(progress, bytes);
  return bytes;
}

/** The part of a `PrepullStatus` that one node takes: its status, and all the work on it. */
export function nodePart(status: NodeStatus, progress: readonly PrepullProgress[]): Buffer {
  const parts = progress.map((one) => delimited(FIELD.progress, encodeProgress(one)));
  return Buffer.concat([delimited(FIELD.nodes, encodeNodeStatus(status)), ...parts]);
}

/** The part of a `PrepullStatus` that one image takes. */
export function imagePart(entry: NodeImage, isPrepulled: boolean): Buffer {
  return delimited(isPrepulled ? FIELD.prepulled : FIELD.pending, encodeNodeImage(entry));
}
