/** Milliseconds, by the names that people give the units; the order is the one in which they are written. */
const UNITS = [
  { names: "weeks?|w", milliseconds: 604_800_000 },
  { names: "days?|d", milliseconds: 86_400_000 },
  { names: "hours?|hrs?|h", milliseconds: 3_600_000 },
  { names: "minutes?|mins?|m", milliseconds: 60_000 },
  { names: "seconds?|secs?|s", milliseconds: 1_000 },
] as const;

const NUMBER = String.raw`\d{1,15}(?:\.\d{1,15})?`;
const SECONDS = new RegExp(`^${NUMBER}$`);
const WITH_UNITS = new RegExp(`^${UNITS.map(({ names }) => String.raw`(?:(${NUMBER})\s*(?:${names}))?\s*`).join("")}$`);

/** Longer texts are no durations. */
const MAX_TEXT_LENGTH = 128;

/**
 * A duration as people write it, in milliseconds: `5m`, `1h30m`, `1h 30m`, `15 minutes`, or seconds as a number or as
 * text (`90.5`, `"45"`). Each unit (weeks, days, hours, minutes, seconds) at most once, the larger first. Null where it
 * is none, or is negative or infinite.
 */
export function parseDuration(text: number | string): number | null {
  if (typeof text === "number") return Number.isFinite(text) && text >= 0 ? rounded(text * 1_000) : null;
  const trimmed = text.length > MAX_TEXT_LENGTH ? "" : text.trim();
  if (SECONDS.test(trimmed)) return rounded(Number(trimmed) * 1_000);
  const parts = WITH_UNITS.exec(trimmed)?.slice(1);
  if (trimmed === "" || parts === undefined) return null;
  return rounded(UNITS.reduce((sum, { milliseconds }, index) => sum + Number(parts[index] ?? 0) * milliseconds, 0));
}

/** To the microsecond, so that 1.1 seconds are 1,100 milliseconds. */
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1_000) / 1_000;
}
