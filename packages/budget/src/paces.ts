/** The paces that a set of budgets keeps at a moment: those of its rules whose limit is configured or learnt. */
import { NOTHING_LEARNT, paceOf } from './learnt.ts';
import type { Pace } from './learnt.ts';
import type { BudgetRules, PacedDimension, PacerRule } from './rules.ts';
import { budgetIn } from './state.ts';
import type { AdmissionState } from './state.ts';

export type DimensionPace = Pace & { dimension: PacedDimension; creditMs: number };
export type PacedRules = BudgetRules & { paces: DimensionPace[] };

/** The pace of one dimension of a budget; null where no limit is known. */
export function paceIn(
  state: AdmissionState,
  budget: string,
  { rule, now }: { rule: PacerRule; now: number },
): DimensionPace | null {
  const { dimension, creditMs } = rule;
  const learnt = budgetIn(state, budget).learnt[dimension] ?? NOTHING_LEARNT;
  const pace = paceOf(rule, learnt, now);
  return pace && { ...pace, dimension, creditMs };
}

export const pacesOf = (
  state: AdmissionState,
  rules: readonly BudgetRules[],
  now: number,
): PacedRules[] =>
  rules.map((rule) => ({
    ...rule,
    paces: rule.pacers.flatMap((pacer) => paceIn(state, rule.budget, { rule: pacer, now }) ?? []),
  }));
