import type { JsonObject } from "./kubernetes-objects.ts";

/** A refusal as the API gives it: meta/v1 Status with `status: Failure`, and the HTTP status of the same number. */
export class ApiFailure extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: JsonObject;

  constructor(code: number, reason: string, message: string, details: JsonObject = {}) {
    super(message);
    this.name = "ApiFailure";
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The body of the answer. */
  toStatus(): JsonObject {
    return {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: this.message,
      reason: this.reason,
      details: this.details,
      code: this.code,
    };
  }
}

/** 404: no such object, or no such resource. */
export function notFound(resource: string, name: string): ApiFailure {
  return new ApiFailure(404, "NotFound", `${resource} "${name}" not found`, { name, kind: resource });
}

/** 409 of a create whose name is taken. */
export function alreadyExists(resource: string, name: string): ApiFailure {
  return new ApiFailure(409, "AlreadyExists", `${resource} "${name}" already exists`, { name, kind: resource });
}

/** 409 of a write that builds on a state that is no longer the current one. */
export function conflict(resource: string, name: string, why: string): ApiFailure {
  const message = `Operation cannot be fulfilled on ${resource} "${name}": ${why}`;
  return new ApiFailure(409, "Conflict", message, { name, kind: resource });
}

/** 410: the version or the continue token lies before what the server has kept. */
export function expired(message: string): ApiFailure {
  return new ApiFailure(410, "Expired", message);
}

/** 400: the request cannot be understood. */
export function badRequest(message: string): ApiFailure {
  return new ApiFailure(400, "BadRequest", message);
}

/** 422: the object is understood and not valid. */
export function invalid(resource: string, name: string, message: string): ApiFailure {
  return new ApiFailure(422, "Invalid", `${resource} "${name}" is invalid: ${message}`, { name, kind: resource });
}
