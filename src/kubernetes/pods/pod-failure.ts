import type { LabImagesError } from "../../domain/errors.ts";
import { classifyFailure } from "../../domain/prepull/classify-failure.ts";
import type { PullFailure } from "../../domain/prepull/pull.ts";
import { quotePeer } from "../../lib/redact.ts";
import { KubernetesAnswerError, KubernetesRefusalError } from "../client/api-errors.ts";

/** What the kubelet and the runtimes put before the cause: it names what the status names anyway. */
const PREAMBLE = new RegExp(
  `^(?:${[
    'Back-off pulling image "[^"]*"(?:: \\w+)?(?:: |$)',
    'Failed to pull image "[^"]*": ',
    "rpc error: code = (?!Unavailable)\\w+ desc = ",
    'failed to pull and unpack image "[^"]*": ',
    'failed to (?:resolve|create) (?:reference|image) "[^"]*": ',
    "Error response from daemon: ",
  ].join("|")})+`,
);

/** The failure for what Kubernetes gives as reason and text: classified by the whole text, of which a part is quoted. */
export function failureOf(reason: string, text: string): PullFailure {
  const { failureClass, message } = classifyFailure(reason, text);
  return { failureClass, reason: quotePeer(reason), message: joined(message, quoteCause(text)) };
}

/** The failure of a pod that has been deleted; `why` is the reason of its disruption, empty where it has none. */
export function deletedFailure(why: string, text: string): PullFailure {
  const disruption = failureOf(why, text);
  return { ...(disruption.failureClass === "other" ? failureOf("Deleted", text) : disruption), reason: "Deleted" };
}

/**
 * The failure of a create where the API server has decided against the pod: a quota, an admission plugin, our role, an
 * object that is not valid. Null where nobody knows whether the pod exists: no answer, or a failure of the server's own.
 */
export function refusalOf(error: LabImagesError): PullFailure | null {
  if (error instanceof KubernetesRefusalError) {
    return failureOf(error.status === 401 ? "Unauthorized" : "Forbidden", detailOf(error));
  }
  if (!(error instanceof KubernetesAnswerError)) return null;
  const { status, apiReason } = error;
  if (status < 400 || status >= 500 || [408, 409, 429].includes(status)) return null;
  return failureOf(apiReason === "" ? "BadRequest" : apiReason, detailOf(error));
}

/** The failure of a pull that could not begin, because the API server does not answer or fails. */
export function unavailability(error: LabImagesError): PullFailure {
  const reason = error instanceof KubernetesAnswerError && error.apiReason !== "" ? error.apiReason : "Unavailable";
  const { failureClass } = classifyFailure(reason, "");
  return { failureClass, reason, message: joined(error.message, detailOf(error)) };
}

/** The failure with one more thing that was said; an empty text says nothing. */
export function withDetail(failure: PullFailure, text: string): PullFailure {
  return { ...failure, message: joined(failure.message, quoteCause(text)) };
}

/** Two parts of a message, of which the second may be missing. */
function joined(message: string, detail: string): string {
  return detail === "" ? message : `${message}: ${detail}`;
}

/** The part of a text that names the cause, fit for a message. */
function quoteCause(text: string): string {
  return quotePeer(text.trimStart().replace(PREAMBLE, "") || text);
}

/** The server's own words, which errors carry as their cause (api-errors.ts). */
function detailOf(error: LabImagesError): string {
  const served = error instanceof KubernetesRefusalError || error instanceof KubernetesAnswerError;
  return served && error.cause instanceof Error ? error.cause.message : "";
}
