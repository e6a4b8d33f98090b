/**
 * A library's code for what went wrong, such as `ECONNREFUSED`, if it has one and it is a bare word; `unknown`
 * otherwise. The only part of a library's error that may stand in a text of ours.
 */
export function errorCode(error: unknown): string {
  let current: unknown = error;
  // Attempts to reach several addresses at once are reported as one error around one per address.
  if (current instanceof AggregateError && codeOf(current) === null) current = current.errors[0];
  return (
    codeOf(current) ??
    (current instanceof Error && current.cause !== undefined ? codeOf(current.cause) : null) ??
    "unknown"
  );
}

function codeOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(error.code) ? error.code : null;
}
