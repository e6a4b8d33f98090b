/** Statuses that another try may cure: the registry is busy, restarting, or a proxy before it is. */
export const transientStatuses: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * Milliseconds to wait by a `Retry-After` header (RFC 9110, section 10.2.3: seconds or a date), never negative; null
 * where there is none, or none of that form. How much of it is honoured is not decided here.
 */
export function retryAfterMs(header: string | null, wallTime: number): number | null {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  if (!/^[A-Z][a-z]{2},? /.test(text)) return null;
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - wallTime);
}
