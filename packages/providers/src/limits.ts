/**
 * What a provider says about its own limits, in the response headers of any call (wire-spec 4.1).
 * A report is a hint for the whole budget: `reset` of OpenAI is the time until the bucket is full again, not until the next
 * call passes (facts/algorithms 0), and Anthropic rounds tokens.
 */
import type { RateDimension } from '@sluice/job';
import { parseWait, timeOf } from './duration.ts';

export interface LimitReport {
  dimension: RateDimension;
  /** Per the dimension's window. */
  limit: number;
  /** At most so much, where the provider rounds it; null: it does not say. */
  remaining: number | null;
  /** Until `remaining` is `limit` again, ms. */
  resetMs: number | null;
}

type Headers = Record<string, string>;

/** Where one dimension stands in the headers. */
interface Place {
  dimension: RateDimension;
  limit: string;
  remaining: string;
  reset: string;
  /** `remaining` is rounded to the nearest multiple of it. */
  roundedTo: number;
}

/** OpenAI's family: `x-ratelimit-limit-<what>`. Azure, Groq, Together, vLLM gateways and others write it too. */
const openaiPlace = (what: string, dimension: RateDimension): Place => ({
  dimension,
  limit: `x-ratelimit-limit-${what}`,
  remaining: `x-ratelimit-remaining-${what}`,
  reset: `x-ratelimit-reset-${what}`,
  roundedTo: 1,
});

/** Anthropic's family: `anthropic-ratelimit-<what>-limit`. */
const anthropicPlace = (what: string, dimension: RateDimension, roundedTo: number): Place => ({
  dimension,
  limit: `anthropic-ratelimit-${what}-limit`,
  remaining: `anthropic-ratelimit-${what}-remaining`,
  reset: `anthropic-ratelimit-${what}-reset`,
  roundedTo,
});

/**
 * Anthropic's `tokens` shows "the most restrictive limit currently in effect", so it cannot be told what it counts
 * and is not read. OpenAI's project twins (`limit-project-tokens`) are not either: they describe another budget.
 */
const PLACES: readonly Place[] = [
  openaiPlace('requests', 'rpm'),
  openaiPlace('tokens', 'tpm'),
  anthropicPlace('requests', 'rpm', 1),
  anthropicPlace('input-tokens', 'itpm', 1_000),
  anthropicPlace('output-tokens', 'otpm', 1_000),
  // Mistral
  openaiPlace('req-minute', 'rpm'),
  // Mistral and Cerebras
  openaiPlace('tokens-minute', 'tpm'),
  openaiPlace('tokens-day', 'tpd'),
  // Cerebras
  openaiPlace('requests-minute', 'rpm'),
  openaiPlace('requests-day', 'rpd'),
  // Fireworks
  openaiPlace('tokens-prompt', 'itpm'),
  openaiPlace('tokens-generated', 'otpm'),
];

/** Every limit the headers report, both families; empty where there is none. `nowMs` serves where `date` is missing. */
export function readLimits(headers: Headers, nowMs?: number): LimitReport[] {
  const reports: LimitReport[] = [];
  const now = timeOf({ headers, ...(nowMs === undefined ? {} : { receivedAtMs: nowMs }) });
  for (const place of PLACES) {
    const limit = count(headers[place.limit]);
    // Azure's Responses API has been seen to answer -1/-1/0 (wire-spec 4.1); no limit is 0 either.
    if (limit === null || limit === 0) continue;
    const reset = headers[place.reset];
    const resetMs = reset === undefined ? null : parseWait(reset, now);
    const remaining = mostOf(count(headers[place.remaining]), place.roundedTo, limit);
    const report = { dimension: place.dimension, limit, remaining, resetMs };
    reports.push({ ...report, dimension: windowOf(report, headers) });
  }
  return reports;
}

const count = (text: string | undefined): number | null =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : null;

/**
 * What a rounded number may stand for at most. Taken at its word, a bucket of 500 tokens of which up to 499 are left would be
 * empty after each answer ("0"), and never used for more than three quarters.
 */
const mostOf = (remaining: number | null, roundedTo: number, limit: number): number | null =>
  remaining === null ? null : Math.min(limit, remaining + Math.floor(roundedTo / 2));

const DAY_MS = 86_400_000;

/**
 * `x-ratelimit-limit-requests` is per minute at most providers, but per day at Groq (which marks its answers with
 * `x-groq-region`) and for OpenAI models whose daily limit binds first. A refilling bucket betrays its window:
 * used ÷ limit × window = reset. "10000, 9999, 8.64s" is a day; so is any reset far beyond a minute.
 */
function windowOf(
  { dimension, limit, remaining, resetMs }: LimitReport,
  headers: Headers,
): RateDimension {
  if (dimension !== 'rpm' || headers['anthropic-ratelimit-requests-limit'] !== undefined)
    return dimension;
  if (headers['x-groq-region'] !== undefined) return 'rpd';
  if (resetMs === null) return 'rpm';
  const used = limit - (remaining ?? limit);
  const windowMs = used > 0 ? (resetMs * limit) / used : 0;
  return resetMs > 90_000 || Math.abs(windowMs / DAY_MS - 1) < 0.03 ? 'rpd' : 'rpm';
}
