import { type LabImagesError, RegistryDeniedError, RegistryUnavailableError } from "../../domain/errors.ts";
import { errorCode } from "../oci/error-code.ts";

/** The gRPC status codes that are handled differently, by number. */
const statusNames: ReadonlyMap<number, string> = new Map([
  [4, "DEADLINE_EXCEEDED"],
  [5, "NOT_FOUND"],
  [7, "PERMISSION_DENIED"],
  [8, "RESOURCE_EXHAUSTED"],
  [13, "INTERNAL"],
  [14, "UNAVAILABLE"],
  [16, "UNAUTHENTICATED"],
]);

/**
 * The registry answers with INTERNAL and UNAVAILABLE now and then; the client itself retries neither. A call that has run
 * into its deadline is not tried again: the refresh fails, and is.
 */
const transient: ReadonlySet<string> = new Set(["UNAVAILABLE", "INTERNAL", "RESOURCE_EXHAUSTED"]);
const denied: ReadonlySet<string> = new Set(["PERMISSION_DENIED", "UNAUTHENTICATED"]);

/** Google's client has not come to its credentials in time. */
export class GoogleSetUpTimeoutError extends Error {
  readonly code = "ETIMEDOUT";
}

/** The name of a failed call's status, or null where the failure is not one of gRPC. */
function statusOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error) || typeof error.code !== "number") return null;
  return statusNames.get(error.code) ?? `status ${error.code}`;
}

/** Whether it is grpc-js itself that has refused the message, by the bytes that it announces. */
function isTooLarge(error: unknown): boolean {
  return (
    error instanceof Error && /^8 RESOURCE_EXHAUSTED: Received message (?:larger|that decompresses)/.test(error.message)
  );
}

/** What a failure of Google's client means. */
export interface GoogleFailure {
  /** For the caller, in our own words. */
  readonly error: LabImagesError;
  /** Whether another try may help. */
  readonly again: boolean;
  /** For metrics. */
  readonly label: string;
}

/** `host` is the API's. */
export function googleFailure(error: unknown, host: string): GoogleFailure {
  const status = statusOf(error);
  if (status === null) {
    const code = errorCode(error);
    const known = code !== "unknown";
    return {
      error: known
        ? new RegistryUnavailableError(`Google's credentials cannot be had (${code})`, error)
        : new RegistryDeniedError("no Google credentials are configured, or they cannot be used", error),
      again: false,
      label: code,
    };
  }
  if (denied.has(status)) {
    const refused = new RegistryDeniedError(`${host} refuses our Google credentials (${status})`, error);
    return { error: refused, again: false, label: status };
  }
  if (isTooLarge(error)) {
    const failed = new RegistryUnavailableError(`${host} answers with more bytes than are read`, error);
    return { error: failed, again: false, label: "too large" };
  }
  const failed = new RegistryUnavailableError(`${host} answers ${status}`, error);
  return { error: failed, again: transient.has(status), label: status };
}
