/**
 * What an answer's headers say of a limit per minute. A limit that is not configured applies from now on; one
 * configured too high is corrected. Less left than we thought, by a whole unit, is believed, more is not: other users of the
 * same key show as less.
 */
import { NOTHING_LEARNT } from './learnt.ts';
import { lowerTo } from './pacer.ts';
import { isByCalls, paceIn } from './paces.ts';
import type { BudgetRules, PacedDimension, PacerRule } from './rules.ts';
import { budgetIn, pacerIn, withBudget, withLevelAtMost } from './state.ts';
import type { AdmissionState } from './state.ts';

export interface Report {
  /** The budgets the call drew on, its own first. */
  rules: readonly BudgetRules[];
  dimension: PacedDimension;
  /** Per minute. */
  limit: number;
  /** null: it does not say. */
  remaining: number | null;
}

export function observe(state: AdmissionState, report: Report, now: number): AdmissionState {
  const { rules, dimension, limit, remaining } = report;
  const meant = reportedOn(rules, dimension, limit);
  const rule = ruleOf(meant, dimension);
  const fresh = paceIn(state, meant.budget, { rule, now }) === null;
  const { learnt } = budgetIn(state, meant.budget);
  const after = { ...(learnt[dimension] ?? NOTHING_LEARNT), reported: limit, reportedAt: now };
  const next = withBudget(state, meant.budget, { learnt: { ...learnt, [dimension]: after } });
  // What was sent before the limit was known is not in its bucket: without a word on what is left, it is empty.
  const left = remaining ?? (fresh ? 0 : null);
  return left === null
    ? next
    : rules.reduce((each, one) => lower(each, one, { dimension, left, now }), next);
}

/**
 * The budget a report is about: one that configures this very limit, else the first that configures one in this
 * dimension, else the deployment's own.
 */
export const reportedOn = (
  rules: readonly BudgetRules[],
  dimension: PacedDimension,
  limit: number,
): BudgetRules =>
  rules.find((one) => ruleOf(one, dimension).limit === limit) ??
  rules.find((one) => ruleOf(one, dimension).limit !== null) ??
  (rules[0] as BudgetRules);

const ruleOf = ({ pacers }: BudgetRules, dimension: PacedDimension): PacerRule =>
  pacers.find((rule) => rule.dimension === dimension) as PacerRule;

function lower(
  state: AdmissionState,
  rules: BudgetRules,
  { dimension, left, now }: { dimension: PacedDimension; left: number; now: number },
): AdmissionState {
  const { budget } = rules;
  const rule = ruleOf(rules, dimension);
  const pace = paceIn(state, budget, { rule, now });
  if (pace === null) return state;
  if (isByCalls(state, rules, rule))
    return withLevelAtMost(state, budget, { most: left * pace.msPerUnit, now });
  const pacer = pacerIn(state, budget, pace);
  const lowered = lowerTo(pacer, left, { ...pace, now });
  const { pacers } = budgetIn(state, budget);
  return withBudget(state, budget, { pacers: { ...pacers, [dimension]: lowered } });
}
