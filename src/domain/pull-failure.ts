import type { PullFailure } from "./pull.ts";

/** The kinds of failure that are told apart: a bounded set, fit for a metric's label. */
export const PULL_FAILURE_CLASSES = [
  "registry-denied",
  "image-not-found",
  "registry-unavailable",
  "disk-full",
  "timeout",
  "evicted",
  "refused",
  "interrupted",
  "other",
] as const;

/** See PULL_FAILURE_CLASSES. */
export type PullFailureClass = (typeof PULL_FAILURE_CLASSES)[number];

const DENIED = /\b(?:unauthorized|forbidden|denied|401|403|no basic auth|authentication required)\b/i;
const NOT_FOUND = /\b(?:not found|manifest unknown|name unknown|404)\b/i;
const DISK_FULL = /no space left|disk quota|disk ?pressure|ephemeral-storage|out of disk/i;
const UNREACHABLE =
  /timeout|timed out|connection (?:refused|reset)|no such host|unexpected eof|toomanyrequests|too many requests|\b(?:429|50[0-4])\b|tls|x509|i\/o/i;
const PULL_REASONS: ReadonlySet<string> = new Set(["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"]);
const REFUSALS: ReadonlySet<string> = new Set([
  "Forbidden",
  "AlreadyExists",
  "Conflict",
  "Invalid",
  "BadRequest",
  "Unauthorized",
]);
const INTERRUPTIONS: ReadonlySet<string> = new Set(["Deleted", "NodeLost", "NodeShutdown", "Preempting", "Shutdown"]);

/**
 * The kind of a failure. The kubelet says `ErrImagePull` of almost anything, so what it says of the cause decides
 * there: a full disk before all, because it is the node that needs help then and not the registry.
 */
export function classOfFailure({ reason, message }: PullFailure): PullFailureClass {
  if (DISK_FULL.test(reason) || DISK_FULL.test(message)) return "disk-full";
  if (reason === "Evicted") return "evicted";
  if (reason === "DeadlineExceeded" || reason === "Timeout") return "timeout";
  if (REFUSALS.has(reason)) return "refused";
  if (INTERRUPTIONS.has(reason)) return "interrupted";
  if (reason === "ErrImageNeverPull" || !PULL_REASONS.has(reason)) return "other";
  if (NOT_FOUND.test(message)) return "image-not-found";
  if (DENIED.test(message)) return "registry-denied";
  return reason === "RegistryUnavailable" || UNREACHABLE.test(message) ? "registry-unavailable" : "other";
}
