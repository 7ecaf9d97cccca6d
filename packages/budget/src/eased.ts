/** A deployment that starts slowly uses a part of its own limits: the rules that it goes by meanwhile. Pure. */
import type { BudgetRules } from './rules.ts';

/** A slow start goes in steps of a twentieth. */
const STEPS = 20;

/** The part of its limits that is used while `share` (above 0, up to 1) of its rate is: rounded up to whole steps. */
export const easedPart = (share: number): number => Math.min(1, Math.ceil(share * STEPS) / STEPS);

/** A part of the rates and of the calls at once; what is limited per day is not spread over time. */
export function easedRules(rules: BudgetRules, part: number): BudgetRules {
  if (part === 1) return rules;
  const { pacers, concurrency } = rules;
  return {
    ...rules,
    pacers: pacers.map((pacer) => ({ ...pacer, share: pacer.share * part })),
    concurrency: concurrency === null ? null : Math.max(1, Math.floor(concurrency * part)),
  };
}
