/** The `Retry-After` header of HTTP (RFC 9110 10.2.3): seconds, or a date in GMT. */

/** Milliseconds from `now`, never negative; null when absent or unreadable. */
export function parseRetryAfter(text: string | undefined, now: number): number | null {
  if (text === undefined) return null;
  const value = text.trim();
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const date = value.endsWith('GMT') ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
