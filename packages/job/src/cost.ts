/** What several calls cost together, in US dollars. */
import type { Attempt } from './outcome.ts';

type Priced = Pick<Attempt, 'status_code' | 'cost_usd'>;

/**
 * The known cost of a job's attempts: those that got no answer cost what nobody knows and are left out. Null when none
 * got an answer, or when one did whose cost is unknown (no price, no usage).
 */
export function costOfAttempts(attempts: readonly Priced[]): number | null {
  let sum: number | null = null;
  for (const { status_code: status, cost_usd: cost } of attempts) {
    if (cost !== null) sum = (sum ?? 0) + cost;
    else if (status !== null) return null;
  }
  return sum === null ? null : roundUsd(sum);
}

/** A billionth of a dollar is less than any token costs; what stands beyond it is noise of sums. */
export const roundUsd = (usd: number): number => Math.round(usd * 1e9) / 1e9;
