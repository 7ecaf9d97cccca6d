/**
 * Which limit a 429 speaks of. OpenAI's family and Anthropic name it in the message ("on tokens per min (TPM)",
 * "40,000 input tokens per minute", "concurrent connections"); else the headers tell, if they show exactly one limit
 * without anything left.
 */
import type { RateDimension } from '@sluice/job';
import type { LimitReport } from './limits.ts';

export type RefusedLimit = RateDimension | 'concurrency';

/** In the order in which they are tried: the particular before the general. */
const WORDS: readonly [RegExp, RefusedLimit][] = [
  [/concurren|simultaneous|in parallel/i, 'concurrency'],
  [/input tokens per min|\bitpm\b/i, 'itpm'],
  [/output tokens per min|\botpm\b/i, 'otpm'],
  [/tokens per min|\btpm\b/i, 'tpm'],
  [/requests per min|\brpm\b/i, 'rpm'],
  [/tokens per day|\btpd\b/i, 'tpd'],
  [/requests per day|\brpd\b/i, 'rpd'],
];

/** Null where it does not say. */
export function refusedLimit(
  message: string | null,
  reports: readonly LimitReport[],
): RefusedLimit | null {
  const named = WORDS.find(([words]) => words.test(message ?? ''));
  if (named) return named[1];
  const empty = reports.filter(({ remaining }) => remaining === 0);
  return empty.length === 1 ? (empty[0] as LimitReport).dimension : null;
}
