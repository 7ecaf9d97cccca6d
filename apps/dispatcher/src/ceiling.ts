/**
 * A batch's `max_cost_usd`. What calls under way will cost is known when they have ended: so no more lines are under way than what
 * is left pays for, each as dear as it can become. Then a batch ends above its ceiling by one line at most, and by what a line
 * cost that had to be called more than once.
 */
import type { IndexRecord } from '@sluice/files';
import type { Shape } from '@sluice/job';
import { unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';

export interface Ceiling {
  usd: number;
  /** What its answers had cost when that was looked up, and how many lines were recorded then. */
  spentUsd: number;
  recorded: number;
}

/** How many more lines may be fed of which none costs more than `mostUsd`; Infinity where there is no ceiling, or no price. */
export function linesAffordable(
  { ceiling, fed }: Pick<Draining, 'ceiling' | 'fed'>,
  mostUsd: number,
): number {
  if (ceiling === null || mostUsd <= 0) return Number.POSITIVE_INFINITY;
  const { usd, spentUsd, recorded } = ceiling;
  if (spentUsd >= usd) return 0;
  // The last line may pass it: otherwise what is left, too little for any line, would never be spent.
  const underWay = Math.max(1, Math.floor((usd - spentUsd) / mostUsd));
  return Math.max(0, underWay - (fed - recorded));
}

/**
 * What a line of the class is like, of those that may be under way with the next ones: the next of its own, or while none is read,
 * and while some that were fed may not have ended, the mean of the class. Null = it has no more of them.
 */
export function lineUnderWay(
  { ceiling }: Pick<Draining, 'ceiling'>,
  one: DrainingClass,
  head: IndexRecord | undefined,
): Shape | null {
  if (head) return { characters: head.characters, maxOutput: head.maxOutput, inputs: 1 };
  const ended = ceiling === null || ceiling.recorded >= one.fedBy;
  const { jobs, characters, maxOutput, unsetOutput } = one.of;
  if (jobs === 0 || (unfedOf(one) <= 0 && ended)) return null;
  const mean = unsetOutput > 0 ? null : maxOutput / jobs;
  return { characters: characters / jobs, maxOutput: mean, inputs: 1 };
}
