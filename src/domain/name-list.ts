/** Names in one text, at most. */
const MAX_NAMES = 5;
/** Longest list of names, in UTF-16 code units: they are a peer's. */
const MAX_LENGTH = 200;

/** The first names, with commas between, and how many there are besides. */
export function nameList(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(", ");
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return `${shown.length > MAX_LENGTH ? `${shown.slice(0, MAX_LENGTH - 1)}…` : shown}${rest}`;
}
