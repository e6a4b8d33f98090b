/**
 * Every failure that a caller may receive: one class per row of the error table (docs/spec/api.md, Errors). The text is
 * written for the caller and names no credential, no path and no library's own words; what caused it goes into `cause`,
 * for the log alone.
 */
export type ErrorReason =
  | "UNKNOWN_IMAGE"
  | "INVALID_REFERENCE"
  | "INVALID_ARGUMENT"
  | "NOT_READY"
  | "REGISTRY_UNAVAILABLE"
  | "KUBERNETES_UNAVAILABLE"
  | "REGISTRY_DENIED"
  | "KUBERNETES_DENIED"
  | "GATE_BUSY"
  | "TOO_MANY_GATES"
  | "TOO_MANY_STREAMS"
  | "SNAPSHOT_GONE"
  | "GATE_TAKEN_OVER"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "SHUTTING_DOWN"
  | "DEADLINE_EXCEEDED"
  | "CANCELLED";

/** Base of all rows. `metadata` goes into `google.rpc.ErrorInfo`; keys and values are for machines. */
export class LabImagesError extends Error {
  readonly reason: ErrorReason;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(reason: ErrorReason, message: string, metadata: Readonly<Record<string, string>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.reason = reason;
    this.metadata = metadata;
  }

  /** Returns the error if it is one of ours, else what `wrap` makes of it. */
  static from(error: unknown, wrap: (cause: unknown) => LabImagesError): LabImagesError {
    return error instanceof LabImagesError ? error : wrap(error);
  }
}

/** No image answers to this class, tag or reference. */
export class UnknownImageError extends LabImagesError {
  constructor(message: string, metadata: Readonly<Record<string, string>> = {}) {
    super("UNKNOWN_IMAGE", message, metadata);
  }
}

/** The text is no image reference of the form that is needed. `field` is the request's field. */
export class InvalidReferenceError extends LabImagesError {
  readonly field: string;
  constructor(message: string, field = "reference") {
    super("INVALID_REFERENCE", message, { field });
    this.field = field;
  }
}

/** A request's field holds what it may not hold; the message says what was expected. */
export class InvalidArgumentError extends LabImagesError {
  readonly field: string;
  constructor(field: string, message: string) {
    super("INVALID_ARGUMENT", message, { field });
    this.field = field;
  }
}

/** The caller is not known: no credentials, or none that are valid. */
export class UnauthenticatedError extends LabImagesError {
  constructor(message: string) {
    super("UNAUTHENTICATED", message);
  }
}

/** The caller is known, and may not do this. */
export class PermissionDeniedError extends LabImagesError {
  constructor(message: string, metadata: Readonly<Record<string, string>>) {
    super("PERMISSION_DENIED", message, metadata);
  }
}

/** No snapshot yet: the service has started, and has not yet seen both the registry and the cluster. */
export class NotReadyError extends LabImagesError {
  constructor(message: string) {
    super("NOT_READY", message);
  }
}

/** The registry does not answer, or answers with a failure of its own. Retrying may help. */
export class RegistryUnavailableError extends LabImagesError {
  constructor(message: string, cause?: unknown) {
    super("REGISTRY_UNAVAILABLE", message, {}, cause);
  }
}

/** The Kubernetes API does not answer, or answers with a failure of its own. Retrying may help. */
export class KubernetesUnavailableError extends LabImagesError {
  constructor(message: string, cause?: unknown) {
    super("KUBERNETES_UNAVAILABLE", message, {}, cause);
  }
}

/** The registry refuses the service's own credentials (not the caller's). */
export class RegistryDeniedError extends LabImagesError {
  constructor(message: string, cause?: unknown) {
    super("REGISTRY_DENIED", message, {}, cause);
  }
}

/** The Kubernetes API refuses the service's own account (not the caller's). */
export class KubernetesDeniedError extends LabImagesError {
  constructor(message: string, cause?: unknown) {
    super("KUBERNETES_DENIED", message, {}, cause);
  }
}

/** Another caller holds this gate. */
export class GateBusyError extends LabImagesError {
  constructor(gate: string) {
    super("GATE_BUSY", `gate "${gate}" has a caller already; name the same holder to take it over`, { gate });
  }
}

/** As many gates as are allowed have a caller. */
export class TooManyGatesError extends LabImagesError {
  constructor(limit: number) {
    super("TOO_MANY_GATES", `all ${limit} gates are in use`, { limit: String(limit) });
  }
}

/** As many streams as are allowed are open. */
export class TooManyStreamsError extends LabImagesError {
  constructor(limit: number) {
    super("TOO_MANY_STREAMS", `all ${limit} streams are in use`, { limit: String(limit) });
  }
}

/** The page token's snapshot is no longer kept, or belongs to another process: start the listing over. */
export class SnapshotGoneError extends LabImagesError {
  constructor() {
    super("SNAPSHOT_GONE", "the page token belongs to a listing that is no longer kept; start over without a token");
  }
}

/** A caller that named the same holder has taken the gate over. */
export class GateTakenOverError extends LabImagesError {
  constructor(gate: string) {
    super("GATE_TAKEN_OVER", `another caller with the same holder has taken gate "${gate}" over`, { gate });
  }
}

/** The server is stopping; another replica, or the next process, will answer. */
export class ShuttingDownError extends LabImagesError {
  constructor() {
    super("SHUTTING_DOWN", "the server is shutting down");
  }
}

/** The caller's deadline has passed. */
export class DeadlineExceededError extends LabImagesError {
  constructor() {
    super("DEADLINE_EXCEEDED", "the caller's deadline has passed");
  }
}

/** The caller has cancelled. */
export class CancelledError extends LabImagesError {
  constructor() {
    super("CANCELLED", "the caller has cancelled");
  }
}
