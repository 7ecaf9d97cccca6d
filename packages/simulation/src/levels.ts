/** How far the limits of budgets are booked, as the dispatcher reads them from Redis. */
import {
  NOTHING_LEARNT,
  budgetIn,
  isByCalls,
  liveBins,
  paceOf,
  pacerIn,
  shortMs,
  usedIn,
} from '@sluice/budget';
import type { AdmissionState, BudgetRules, PacerRule } from '@sluice/budget';
import type { WindowUse } from '@sluice/planning';
import type { Dimension } from '@sluice/windows';

/** How far one rate limit is booked. */
export interface Level {
  budget: string;
  dimension: Dimension;
  perMs: number;
  /** Without a slow start: what plans go by. */
  wholePerMs: number;
  aheadMs: number;
}

/** A limit per day or month, and what of it is gone. */
interface WindowLevel extends WindowUse {
  budget: string;
  /** When something of it falls out, ms from the look; 0 = nothing is in it. */
  nextMs: number;
}

/** What the dispatcher reads of a deployment's budgets. */
export interface Levels {
  rates: Level[];
  windows: WindowLevel[];
  /** Nothing starts for so long: because a provider asked for it, or a limit per day or month has no room at all. */
  pausedForMs: number;
  /** The former alone. */
  refusedForMs: number;
  /** Permits in use, by budget that limits calls in flight. */
  permits: ReadonlyMap<string, number>;
}

export function levelsOf(
  state: AdmissionState,
  { rules, whole }: { rules: BudgetRules; whole: BudgetRules },
  now: number,
): Level[] {
  const { budget, pacers } = rules;
  const { learnt, produced } = budgetIn(state, budget);
  return pacers.flatMap((rule, i) => {
    const { dimension } = rule;
    const taught = learnt[dimension] ?? NOTHING_LEARNT;
    const pace = paceOf(rule, taught, now);
    const full = paceOf(whole.pacers[i] as PacerRule, taught, now);
    if (pace === null || full === null) return [];
    const { fullAt } = pacerIn(state, budget, { dimension, burstMs: pace.burstMs });
    const { emptiedAt } = state;
    const aheadMs = isByCalls(state, rules, rule)
      ? shortMs(produced, { emptiedAt, now })
      : Math.max(0, fullAt - now);
    const rates = { perMs: 1 / pace.msPerUnit, wholePerMs: 1 / full.msPerUnit };
    return [{ budget, dimension, ...rates, aheadMs }];
  });
}

export const windowsOf = (
  state: AdmissionState,
  { budget, windows }: BudgetRules,
  now: number,
): WindowLevel[] =>
  windows.map((rule) => {
    const { dimension, limit } = rule;
    const bins = liveBins(budgetIn(state, budget).windows[dimension] ?? [], rule, now);
    const [oldest] = bins;
    const nextMs = oldest ? (oldest.index + rule.bins + 1) * rule.binMs - now : 0;
    return { budget, dimension, limit, used: usedIn(bins), nextMs };
  });

/** How long a day's or month's limit has no room at all. */
export function usedUpMs(
  state: AdmissionState,
  { budget, windows }: BudgetRules,
  now: number,
): number {
  const waits = windows.map((rule) => {
    const bins = liveBins(budgetIn(state, budget).windows[rule.dimension] ?? [], rule, now);
    const oldest = bins[0];
    if (oldest === undefined || usedIn(bins) < rule.limit) return 0;
    return (oldest.index + rule.bins + 1) * rule.binMs - now;
  });
  return Math.max(0, ...waits);
}
