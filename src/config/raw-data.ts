/*
 * The data of a configuration file before it is known to be right: checks of one part go on where another is wrong, so that
 * everything that is wrong is listed at once.
 */

/** The mapping, or one without keys. */
export function mappingOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value));
}

/** The list, or an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whether a key has a value. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
