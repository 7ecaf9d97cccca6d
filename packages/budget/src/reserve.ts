/**
 * The reserve for interactive calls: while one has asked lately on a budget, batch leaves most of the burst to them
 * and books only a little ahead, so that they start at once. While nobody has, batch uses all of it: of several
 * limits that a batch meets by turns, those that have room fill up meanwhile, and what does not fit the burst is lost
 * (measured on four deployments of two limits each: a tenth of their rate).
 *
 * What is always left for interactive calls then, ms of rate: burst × (1 − batchShare) − {@link RESERVE}.horizonMs.
 */
import type { DimensionPace } from './paces.ts';
import type { Band, BudgetRules } from './rules.ts';
import { budgetIn, withBudget } from './state.ts';
import type { AdmissionState } from './state.ts';

/** Figures that the scripts share. */
export const RESERVE = {
  /** An interactive call keeps the reserve for the next ones so long, ms. */
  forMs: 30_000,
  /** How far ahead batch may be booked beside it, ms. */
  horizonMs: 60,
} as const;

export const isReserved = (state: AdmissionState, budget: string, now: number): boolean =>
  now < budgetIn(state, budget).interactiveAt + RESERVE.forMs;

/** An interactive call asks on these budgets, whether it is granted or not. */
export const withInteractive = (
  state: AdmissionState,
  rules: readonly BudgetRules[],
  now: number,
): AdmissionState =>
  rules.reduce((next, { budget }) => withBudget(next, budget, { interactiveAt: now }), state);

/** The part of a budget's burst that a band may use, ms. */
export function burstFor(
  band: Band,
  { burstMs, batchBurstMs, freeBurstMs }: DimensionPace,
  reserved: boolean,
): number {
  if (band === 'interactive') return burstMs;
  return reserved ? batchBurstMs : freeBurstMs;
}

/** How far ahead a band may be booked on these budgets: `horizonMs` at most. */
export const horizonFor = (
  state: AdmissionState,
  asked: { rules: readonly BudgetRules[]; band: Band; horizonMs: number },
  now: number,
): number =>
  asked.band === 'batch' && asked.rules.some(({ budget }) => isReserved(state, budget, now))
    ? Math.min(asked.horizonMs, RESERVE.horizonMs)
    : asked.horizonMs;
