/** Durations as people write them: `500ms`, `30s`, `10m`, `24h`, `30d`. */

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Ten years, the longest that a setting may say: Redis refuses an expiry that overflows. */
export const LONGEST_MS = 3_650 * 86_400_000;

/** Milliseconds, or null when `text` is no duration. Fractions are fine: `1.5h`. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (!match) return null;
  const ms = Number(match[1]) * (UNITS[match[2] as string] as number);
  return Number.isFinite(ms) ? Math.round(ms) : null;
}
