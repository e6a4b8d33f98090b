/**
 * The one table from failures to gRPC statuses (docs/spec/api.md, Errors). Only the texts of LabImagesErrors and
 * ProtocolErrors reach the caller; whatever else is thrown becomes INTERNAL with a fixed text.
 */
import { Metadata, type StatusObject, status } from "@grpc/grpc-js";
import { type ErrorReason, InvalidArgumentError, InvalidReferenceError, LabImagesError } from "../../domain/errors.ts";
import type { Logger } from "../../ports.ts";
import { safeText } from "../messages/safe-text.ts";
import { messageEncoder } from "./contract.ts";
import { ProtocolError } from "./protocol-error.ts";

/** The domain of our reasons, in `google.rpc.ErrorInfo`. */
const ERROR_DOMAIN = "labimages.v1";

/** The trailer of the standard error model. */
const STATUS_DETAILS_TRAILER = "grpc-status-details-bin";

interface Row {
  readonly code: status;
  /** When to retry, or null where that is not known. */
  readonly retryAfterSeconds: number | null;
}

/** The table itself. */
export const ERROR_TABLE: Readonly<Record<ErrorReason, Row>> = {
  UNKNOWN_IMAGE: { code: status.NOT_FOUND, retryAfterSeconds: null },
  INVALID_REFERENCE: { code: status.INVALID_ARGUMENT, retryAfterSeconds: null },
  INVALID_ARGUMENT: { code: status.INVALID_ARGUMENT, retryAfterSeconds: null },
  NOT_READY: { code: status.UNAVAILABLE, retryAfterSeconds: 2 },
  REGISTRY_UNAVAILABLE: { code: status.UNAVAILABLE, retryAfterSeconds: 10 },
  KUBERNETES_UNAVAILABLE: { code: status.UNAVAILABLE, retryAfterSeconds: 10 },
  REGISTRY_DENIED: { code: status.FAILED_PRECONDITION, retryAfterSeconds: null },
  KUBERNETES_DENIED: { code: status.FAILED_PRECONDITION, retryAfterSeconds: null },
  GATE_BUSY: { code: status.RESOURCE_EXHAUSTED, retryAfterSeconds: 5 },
  TOO_MANY_GATES: { code: status.RESOURCE_EXHAUSTED, retryAfterSeconds: 30 },
  TOO_MANY_STREAMS: { code: status.RESOURCE_EXHAUSTED, retryAfterSeconds: 30 },
  SNAPSHOT_GONE: { code: status.ABORTED, retryAfterSeconds: null },
  GATE_TAKEN_OVER: { code: status.ABORTED, retryAfterSeconds: null },
  UNAUTHENTICATED: { code: status.UNAUTHENTICATED, retryAfterSeconds: null },
  PERMISSION_DENIED: { code: status.PERMISSION_DENIED, retryAfterSeconds: null },
  SHUTTING_DOWN: { code: status.UNAVAILABLE, retryAfterSeconds: 1 },
  DEADLINE_EXCEEDED: { code: status.DEADLINE_EXCEEDED, retryAfterSeconds: null },
  CANCELLED: { code: status.CANCELLED, retryAfterSeconds: null },
};

/** Names of the gRPC codes with which calls end. */
export const CALL_CODES: readonly string[] = [
  ...new Set([status.OK, ...Object.values(ERROR_TABLE).map(({ code }) => code), status.INTERNAL]),
].map((code) => status[code] ?? "");

/** Where failures are logged that the caller must not see. */
export interface FailureLog {
  readonly logger: Logger;
  /** A new id, unlikely to have been given before. */
  readonly randomId: () => string;
}

const encodeErrorInfo = messageEncoder("google.rpc.ErrorInfo");
const encodeBadRequest = messageEncoder("google.rpc.BadRequest");
const encodeRetryInfo = messageEncoder("google.rpc.RetryInfo");
const encodeStatus = messageEncoder("google.rpc.Status");

interface Detail {
  readonly type_url: string;
  readonly value: Buffer;
}

function detail(name: string, value: Buffer): Detail {
  return { type_url: `type.googleapis.com/${name}`, value };
}

function statusObject(code: status, message: string, details: readonly Detail[]): StatusObject {
  const metadata = new Metadata();
  metadata.set(STATUS_DETAILS_TRAILER, encodeStatus({ code, message, details: [...details] }));
  return { code, details: message, metadata };
}

function errorInfo(reason: string, metadata: Readonly<Record<string, string>>): Detail {
  const safe = Object.entries(metadata).map(([key, value]) => [safeText(key), safeText(value)]);
  return detail(
    "google.rpc.ErrorInfo",
    encodeErrorInfo({ reason, domain: ERROR_DOMAIN, metadata: Object.fromEntries(safe) }),
  );
}

function fieldAtFault(error: LabImagesError): string | null {
  return error instanceof InvalidArgumentError || error instanceof InvalidReferenceError ? error.field : null;
}

function ownStatus(error: LabImagesError): StatusObject {
  const { code, retryAfterSeconds } = ERROR_TABLE[error.reason];
  const message = safeText(error.message);
  const details = [errorInfo(error.reason, error.metadata)];
  const field = fieldAtFault(error);
  if (field !== null) {
    const fieldViolations = [{ field: safeText(field), description: message }];
    details.push(detail("google.rpc.BadRequest", encodeBadRequest({ fieldViolations })));
  }
  if (retryAfterSeconds !== null) {
    details.push(
      detail("google.rpc.RetryInfo", encodeRetryInfo({ retryDelay: { seconds: retryAfterSeconds, nanos: 0 } })),
    );
  }
  return statusObject(code, message, details);
}

/**
 * Returns the status for anything that was thrown. What is no error of ours is logged with its cause under an id, and the
 * caller gets the id alone.
 */
export function statusOf(error: unknown, method: string, { logger, randomId }: FailureLog): StatusObject {
  if (error instanceof LabImagesError) return ownStatus(error);
  if (error instanceof ProtocolError) {
    return { code: error.code, details: safeText(error.message), metadata: new Metadata() };
  }
  const id = randomId();
  logger.error({ id, method, err: error }, "gRPC call failed (bug): its caller gets the id alone");
  return statusObject(status.INTERNAL, `internal error; the log has its cause under ${id}`, [
    errorInfo("INTERNAL", { id }),
  ]);
}
