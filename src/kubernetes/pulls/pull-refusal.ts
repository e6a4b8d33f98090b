import type { LabImagesError } from "../../domain/errors.ts";
import type { PullFailure } from "../../domain/prepull/pull.ts";
import { KubernetesAnswerError, KubernetesRefusalError } from "../client/api-errors.ts";
import { joined, plainDetail } from "../pods/pod-words.ts";

/**
 * What a failed create means for the pull where the API server has decided against the pod: a quota, an admission
 * plugin, our role, an object that is not valid. Null where nobody knows whether the pod exists: no answer, or a failure
 * of the server's own.
 */
export function refusalOf(error: LabImagesError): PullFailure | null {
  if (error instanceof KubernetesRefusalError) {
    const detail = detailOf(error);
    if (error.status === 401) return { reason: "Unauthorized", message: error.message };
    const quota = detail.includes("exceeded quota");
    const words = quota ? "a quota of the namespace is used up" : "the API server does not allow the pod";
    return { reason: "Forbidden", message: joined(words, detail) };
  }
  if (!(error instanceof KubernetesAnswerError)) return null;
  const { status, apiReason } = error;
  if (status < 400 || status >= 500 || [408, 409, 429].includes(status)) return null;
  const reason = apiReason === "" ? "BadRequest" : apiReason;
  return { reason, message: joined("the API server refuses the pod", detailOf(error)) };
}

/** The failure of a pull that could not even begin, because the API server does not answer or fails. */
export function unavailability(error: LabImagesError): PullFailure {
  const reason = error instanceof KubernetesAnswerError && error.apiReason !== "" ? error.apiReason : "Unavailable";
  return { reason, message: joined(error.message, detailOf(error)) };
}

/** The server's own words, which errors carry as their cause (api-errors.ts). */
function detailOf(error: LabImagesError): string {
  const served = error instanceof KubernetesRefusalError || error instanceof KubernetesAnswerError;
  return served && error.cause instanceof Error ? plainDetail(error.cause.message) : "";
}
