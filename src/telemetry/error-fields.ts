import { LabImagesError } from "../domain/errors.ts";
import { quotePeer, REDACTED, redactSecrets } from "../lib/redact.ts";

/** How deep chains of causes are followed: enough for adapters around libraries, and an end for circles. */
const DEEPEST_CAUSE = 5;
/** Maximum number of an AggregateError's errors in a line. */
const MAX_ERRORS = 5;

/** An error as the log has it: for operators, without secrets. */
export interface ErrorFields {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly reason?: string;
  readonly code?: string;
  readonly cause?: ErrorFields;
  readonly errors?: readonly ErrorFields[];
}

/**
 * Describes any thrown value, with its causes, for the log. A failure of ours is expected, so neither it nor what caused it
 * has a stack trace. Never throws, whatever the value's properties do.
 */
export function errorFields(thrown: unknown): ErrorFields {
  return describe(thrown, 0, true);
}

function describe(thrown: unknown, depth: number, withStack: boolean): ErrorFields {
  try {
    return thrown instanceof Error ? describeError(thrown, depth, withStack) : describeOther(thrown);
  } catch {
    return { type: "unknown", message: "the thrown value cannot be read" };
  }
}

function describeOther(thrown: unknown): ErrorFields {
  // An object that is no error may hold anything, such as a whole response with its headers.
  const message = typeof thrown === "object" && thrown !== null ? REDACTED : quotePeer(String(thrown));
  return { type: thrown === null ? "null" : typeof thrown, message };
}

function describeError(error: Error, depth: number, withStack: boolean): ErrorFields {
  const { cause } = error;
  const nested = depth < DEEPEST_CAUSE;
  const isOurs = error instanceof LabImagesError;
  const hasStack = withStack && !isOurs;
  return {
    type: error.name,
    message: isOurs ? redactSecrets(error.message) : quotePeer(error.message),
    ...(hasStack && typeof error.stack === "string" ? { stack: redactSecrets(error.stack) } : {}),
    ...ownText(error, "reason"),
    ...ownText(error, "code"),
    ...(nested && cause !== undefined ? { cause: describe(cause, depth + 1, hasStack) } : {}),
    ...(nested && error instanceof AggregateError
      ? { errors: error.errors.slice(0, MAX_ERRORS).map((each: unknown) => describe(each, depth + 1, hasStack)) }
      : {}),
  };
}

function ownText(error: Error, name: "reason" | "code"): Partial<Record<"reason" | "code", string>> {
  const value: unknown = Reflect.get(error, name);
  if (typeof value !== "string" && typeof value !== "number") return {};
  return { [name]: quotePeer(String(value)) };
}
