/** The paces that a set of budgets keeps at a moment: those of its rules whose limit is configured or learnt. */
import { NOTHING_LEARNT, paceOf } from './learnt.ts';
import type { Pace } from './learnt.ts';
import { isSpeedKnown, producedLimit } from './produced.ts';
import type { BudgetRules, PacedDimension, PacerRule } from './rules.ts';
import { budgetIn } from './state.ts';
import type { AdmissionState } from './state.ts';

export type DimensionPace = Pace & { dimension: PacedDimension; creditMs: number };
/** `byCalls`: it is kept by the number of calls under way (produced.ts), not by when they start. */
export type PacedRules = BudgetRules & { paces: (DimensionPace & { byCalls: boolean })[] };

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
    paces: rule.pacers.flatMap((pacer) => {
      const pace = paceIn(state, rule.budget, { rule: pacer, now });
      return pace === null ? [] : [{ ...pace, byCalls: isByCalls(state, rule, pacer) }];
    }),
  }));

/** Whether a pacer of a budget stands aside for what calls under way produce. */
export const isByCalls = (state: AdmissionState, rules: BudgetRules, pacer: PacerRule): boolean =>
  pacer === producedLimit(rules) && isSpeedKnown(budgetIn(state, rules.budget).produced);
