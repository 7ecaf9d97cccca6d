/** The ways in which providers write a wait: Go's durations, bare seconds, HTTP dates and RFC 3339 instants. */
import type { ProviderResponse } from './adapter.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `12ms`, `1s`, `6m0s`, `1h2m3.5s`, or bare seconds (`46`, `7.66`) → ms; null for anything else. */
export function parseDuration(text: string): number | null {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return null;
  let sum = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    sum += Number(amount) * (UNIT_MS[unit] ?? 0);
  }
  return Math.ceil(sum);
}

/** A duration, or the time until a date (0 if past); null where it is neither or the present is unknown. */
export function parseWait(text: string, nowMs: number | null): number | null {
  const duration = parseDuration(text);
  if (duration !== null) return duration;
  // Date.parse takes a lot for a date ('-5' is one); a real one names a day and a time.
  const date = /\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) || nowMs === null ? null : Math.max(0, date - nowMs);
}

/** The provider's own clock where it sends one (so that ours may be wrong), else when the response arrived. */
export function timeOf({
  headers,
  receivedAtMs,
}: Pick<ProviderResponse, 'headers' | 'receivedAtMs'>): number | null {
  const date = Date.parse(headers['date'] ?? '');
  return Number.isNaN(date) ? (receivedAtMs ?? null) : date;
}
