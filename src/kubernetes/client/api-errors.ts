import { KubernetesDeniedError, KubernetesUnavailableError } from "../../domain/errors.ts";
import { quotePeer } from "../../lib/redact.ts";

/** The API server has answered with a failure; `status` is the HTTP status, `apiReason` that of its Status body. */
export class KubernetesAnswerError extends KubernetesUnavailableError {
  readonly status: number;
  /** Such as `Expired`, `Conflict`, `AlreadyExists`; empty where the answer has no Status body. */
  readonly apiReason: string;
  /** Milliseconds for which the server asks to be left alone (`Retry-After`), or null. */
  readonly retryAfterMs: number | null;
  constructor(message: string, answer: ServerRefusal, cause?: unknown) {
    super(message, cause);
    this.status = answer.status;
    this.apiReason = answer.apiReason;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

/** What a KubernetesAnswerError carries of the answer. */
type ServerRefusal = Pick<KubernetesAnswerError, "status" | "apiReason" | "retryAfterMs">;

/** The API server refuses us what we ask for: 401 or 403, the latter also for a quota or an admission plugin. */
export class KubernetesRefusalError extends KubernetesDeniedError {
  readonly status: 401 | 403;
  constructor(message: string, status: 401 | 403, cause?: unknown) {
    super(message, cause);
    this.status = status;
  }
}

/** What of a meta/v1 Status is used. */
interface StatusBody {
  readonly reason: string;
  readonly message: string;
}

/**
 * The error for an answer that is none of 2xx. `what` completes "cannot …", such as "list nodes". 401 and 403 mean that
 * our own account is refused. The server's own message becomes the cause, for the log alone.
 */
export function answerError(
  what: string,
  status: number,
  body: string,
  retryAfterMs: number | null = null,
): KubernetesAnswerError | KubernetesRefusalError {
  const { reason, message } = readStatus(body);
  const named = reason === "" ? String(status) : `${status} ${reason}`;
  const cause = message === "" ? undefined : new Error(quotePeer(message));
  if (status === 401) {
    return new KubernetesRefusalError(`the Kubernetes API does not accept our credentials (${named})`, status, cause);
  }
  if (status === 403) {
    const message = `the Kubernetes API does not allow our account to ${what} (${named})`;
    return new KubernetesRefusalError(message, status, cause);
  }
  const answer = { status, apiReason: reason, retryAfterMs };
  return new KubernetesAnswerError(`cannot ${what}: the Kubernetes API answers ${named}`, answer, cause);
}

/** The error of a watch that has sent an ERROR event; `object` is the Status that came with it. */
export function eventError(what: string, object: unknown): KubernetesAnswerError | KubernetesRefusalError {
  const code = typeof object === "object" && object !== null && "code" in object ? Number(object.code) : 0;
  return answerError(what, Number.isInteger(code) ? code : 0, JSON.stringify(object ?? null));
}

/** Whether a version or a continue token is too old for the server: 410, or by the reason where an event has no code. */
export function isExpired(error: unknown): error is KubernetesAnswerError {
  if (!(error instanceof KubernetesAnswerError)) return false;
  return error.status === 410 || error.apiReason === "Expired" || error.apiReason === "Gone";
}

/**
 * Whether the server refuses the version of a watch in other words than 410: as not valid (400), or as newer than its own
 * (504), such as after a restore of its storage.
 */
export function isVersionRefused(error: unknown): error is KubernetesAnswerError {
  return error instanceof KubernetesAnswerError && (error.status === 400 || error.status === 504);
}

/** The error for a call that did not get (all of) an answer: refused, reset, no TLS trust, credentials not readable. */
export function transportError(what: string, error: unknown): KubernetesUnavailableError {
  const code = codeOf(error);
  const named = code === "" ? "" : ` (${code})`;
  return new KubernetesUnavailableError(`cannot ${what}: the connection to the Kubernetes API failed${named}`, error);
}

/** The error for an answer that did not come in time. */
export function deadlineError(what: string, milliseconds: number): KubernetesUnavailableError {
  const seconds = Math.round(milliseconds / 100) / 10;
  return new KubernetesUnavailableError(`cannot ${what}: the Kubernetes API timed out after ${seconds} s`);
}

/** The error for an answer of 2xx that is not what was asked for, such as a proxy's HTML page. */
export function unexpectedResponse(what: string, detail: string): KubernetesUnavailableError {
  return new KubernetesUnavailableError(`cannot ${what}: unexpected response: ${detail}`);
}

/** The code of a system or library error, or of what caused it, where it has one; for messages and decisions. */
export function codeOf(error: unknown): string {
  for (let each = error, depth = 0; each instanceof Error && depth < 4; each = each.cause, depth += 1) {
    if ("code" in each && typeof each.code === "string" && /^[A-Z0-9_]{1,60}$/.test(each.code)) return each.code;
  }
  return "";
}

function readStatus(body: string): StatusBody {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return { reason: "", message: "" };
  }
  if (typeof value !== "object" || value === null) return { reason: "", message: "" };
  const { reason, message } = value as { reason?: unknown; message?: unknown };
  return {
    reason: typeof reason === "string" && /^[A-Za-z]{1,60}$/.test(reason) ? reason : "",
    message: typeof message === "string" ? message : "",
  };
}
