/**
 * The one table from failures to gRPC statuses (docs/spec/api.md, Errors). Only LabImagesErrors and ProtocolErrors tell the caller
 * anything of themselves; whatever else is thrown becomes INTERNAL with a fixed text.
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
  /** Seconds after which a further attempt makes sense, or null where it is not for us to say. */
  readonly retryAfter: number | null;
}

/** The table itself. */
export const ERROR_TABLE: Readonly<Record<ErrorReason, Row>> = {
  UNKNOWN_IMAGE: { code: status.NOT_FOUND, retryAfter: null },
  INVALID_REFERENCE: { code: status.INVALID_ARGUMENT, retryAfter: null },
  INVALID_ARGUMENT: { code: status.INVALID_ARGUMENT, retryAfter: null },
  NOT_READY: { code: status.UNAVAILABLE, retryAfter: 2 },
  REGISTRY_UNAVAILABLE: { code: status.UNAVAILABLE, retryAfter: 10 },
  KUBERNETES_UNAVAILABLE: { code: status.UNAVAILABLE, retryAfter: 10 },
  REGISTRY_DENIED: { code: status.FAILED_PRECONDITION, retryAfter: null },
  KUBERNETES_DENIED: { code: status.FAILED_PRECONDITION, retryAfter: null },
  GATE_BUSY: { code: status.RESOURCE_EXHAUSTED, retryAfter: 5 },
  TOO_MANY_GATES: { code: status.RESOURCE_EXHAUSTED, retryAfter: 30 },
  TOO_MANY_STREAMS: { code: status.RESOURCE_EXHAUSTED, retryAfter: 30 },
  SNAPSHOT_GONE: { code: status.ABORTED, retryAfter: null },
  GATE_TAKEN_OVER: { code: status.ABORTED, retryAfter: null },
  UNAUTHENTICATED: { code: status.UNAUTHENTICATED, retryAfter: null },
  PERMISSION_DENIED: { code: status.PERMISSION_DENIED, retryAfter: null },
  SHUTTING_DOWN: { code: status.UNAVAILABLE, retryAfter: 1 },
  DEADLINE_EXCEEDED: { code: status.DEADLINE_EXCEEDED, retryAfter: null },
  CANCELLED: { code: status.CANCELLED, retryAfter: null },
};

/** Names of the gRPC codes with which calls end. */
export const CALL_CODES: readonly string[] = [
  ...new Set([status.OK, ...Object.values(ERROR_TABLE).map(({ code }) => code), status.INTERNAL]),
].map((code) => status[code] ?? "");

/** What the table needs to log a failure that the caller must not see. */
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
  const { code, retryAfter } = ERROR_TABLE[error.reason];
  const message = safeText(error.message);
  const details = [errorInfo(error.reason, error.metadata)];
  const field = fieldAtFault(error);
  if (field !== null) {
    const fieldViolations = [{ field: safeText(field), description: message }];
    details.push(detail("google.rpc.BadRequest", encodeBadRequest({ fieldViolations })));
  }
  if (retryAfter !== null) {
    details.push(detail("google.rpc.RetryInfo", encodeRetryInfo({ retryDelay: { seconds: retryAfter, nanos: 0 } })));
  }
  return statusObject(code, message, details);
}

/**
 * The status that the caller gets for anything that was thrown. What is no failure of ours is logged with its cause
 * under an id, which is all that the caller learns of it.
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
