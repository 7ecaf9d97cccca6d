/** Reads the state of budgets off what read.lua returns of a root. */
import { liveBins, usedIn } from '@sluice/budget';
import type { Bin, BudgetRules, PacerRule, WindowRule } from '@sluice/budget';
import { dimensionField, pauseField } from './keys.ts';

/** One paced dimension. */
export interface DimensionLoad {
  budget: string;
  dimension: PacerRule['dimension'];
  limit: number;
  /** Requests or tokens per ms that are admitted. */
  ratePerMs: number;
  /** The whole burst, as ms of rate: what may start at once from a full bucket. */
  burstMs: number;
  /** How far calls are booked ahead: when the bucket will be full again, ms from now; 0 = full now. */
  aheadMs: number;
  /** Of the burst, 0…1. */
  usedFraction: number;
}

/** One day's or month's dimension. */
export interface WindowLoad {
  budget: string;
  dimension: WindowRule['dimension'];
  limit: number;
  used: number;
  /** When something of it falls out, ms from now; 0 = nothing is in it. */
  nextMs: number;
  usedFraction: number;
}

export interface BudgetLoad {
  budget: string;
  dims: DimensionLoad[];
  windows: WindowLoad[];
  concurrency: { limit: number; used: number } | null;
  /** Nothing starts for so long, because a provider asked for it. */
  pausedForMs: number;
}

/** What read.lua returned of a root. */
export interface RootSnapshot {
  nowMs: number;
  rates: Map<string, string>;
  load: Map<string, string>;
  /** Permits in use, by budget. */
  permits: Map<string, number>;
}

const numberIn = (fields: Map<string, string>, field: string): number =>
  Number(fields.get(field) ?? 0);

export function budgetLoad(rules: BudgetRules, snapshot: RootSnapshot): BudgetLoad {
  const { budget, concurrency } = rules;
  const { nowMs, rates, permits } = snapshot;
  return {
    budget,
    dims: rules.pacers.map((rule) => dimensionLoad(budget, rule, snapshot)),
    windows: rules.windows.map((rule) => windowLoad(budget, rule, snapshot)),
    concurrency:
      concurrency === null ? null : { limit: concurrency, used: permits.get(budget) ?? 0 },
    pausedForMs: Math.max(0, numberIn(rates, pauseField(budget)) - nowMs),
  };
}

function dimensionLoad(
  budget: string,
  rule: PacerRule,
  { nowMs, rates }: RootSnapshot,
): DimensionLoad {
  const { dimension, limit, msPerUnit, burstMs } = rule;
  const emptied = numberIn(rates, 'emptied');
  const stored = numberIn(rates, dimensionField(budget, dimension));
  const fullAt = emptied > 0 ? Math.max(stored, emptied + burstMs) : stored;
  const aheadMs = Math.max(0, fullAt - nowMs);
  const usedFraction = Math.min(1, aheadMs / burstMs);
  return { budget, dimension, limit, ratePerMs: 1 / msPerUnit, burstMs, aheadMs, usedFraction };
}

function windowLoad(budget: string, rule: WindowRule, { nowMs, rates }: RootSnapshot): WindowLoad {
  const { dimension, limit } = rule;
  const bins = liveBins(parseBins(rates.get(dimensionField(budget, dimension)) ?? ''), rule, nowMs);
  const used = usedIn(bins);
  const oldest = bins[0];
  const nextMs = oldest ? (oldest.index + rule.bins + 1) * rule.binMs - nowMs : 0;
  return { budget, dimension, limit, used, nextMs, usedFraction: Math.min(1, used / limit) };
}

/** `bin:amount bin:amount …`, oldest first. */
export const parseBins = (text: string): Bin[] =>
  text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [index, amount] = part.split(':');
      return { index: Number(index), amount: Number(amount) };
    });
