/**
 * How many calls a budget may have in flight at once: what is configured, what a 429 about calls at once has taught,
 * and the slow start of a deployment of which no limit is known.
 */
import { LEARNING, paceOf, NOTHING_LEARNT } from './learnt.ts';
import type { BudgetRules } from './rules.ts';
import { budgetIn } from './state.ts';
import type { AdmissionState } from './state.ts';

export interface Slots {
  size: number;
  /** When it last changed, ms. */
  at: number;
  /** Whether a 429 spoke of calls at once; else it is a slow start. */
  taught: boolean;
}

/** Whether anything limits how fast or how many calls may be made on these budgets. */
export const isKnown = (
  state: AdmissionState,
  rules: readonly BudgetRules[],
  now: number,
): boolean =>
  rules.some(
    ({ budget, concurrency, pacers }) =>
      concurrency !== null ||
      pacers.some((rule) => {
        const learnt = budgetIn(state, budget).learnt[rule.dimension] ?? NOTHING_LEARNT;
        return paceOf(rule, learnt, now) !== null;
      }),
  );

/** Calls at once that one budget allows. `starting`: it is a deployment's own, and nothing is known. */
export function slotsOf(
  state: AdmissionState,
  { budget, concurrency }: BudgetRules,
  { starting, now }: { starting: boolean; now: number },
): number {
  const configured = concurrency ?? Number.POSITIVE_INFINITY;
  const slots = freshSlots(budgetIn(state, budget).slots, now);
  if (slots?.taught) return Math.min(configured, Math.floor(slots.size));
  if (!starting) return configured;
  const size = slots?.size ?? LEARNING.firstSlots;
  return size >= LEARNING.mostSlots ? configured : Math.min(configured, size);
}

export const firstSlots = (now: number): Slots => ({
  size: LEARNING.firstSlots,
  at: now,
  taught: false,
});

export function freshSlots(slots: Slots | null, now: number): Slots | null {
  if (slots === null) return null;
  return now - slots.at < (slots.taught ? LEARNING.keptMs : LEARNING.slotsKeptMs) ? slots : null;
}

/** After `answers` calls were answered while `inFlight` were under way: grows only where it is made use of. */
export function grownSlots(
  before: Slots | null,
  { answers, inFlight, now }: { answers: number; inFlight: number; now: number },
): Slots | null {
  const slots = freshSlots(before, now);
  if (slots === null || answers === 0 || slots.size >= LEARNING.mostSlots) return before;
  if (inFlight * 2 < slots.size) return { ...slots, at: now };
  const step = slots.taught ? (answers * LEARNING.slotsStep) / slots.size : answers;
  return { ...slots, size: slots.size + step, at: now };
}

/** After a 429 about calls at once. */
export const loweredSlots = (inFlight: number, limit: number, now: number): Slots => ({
  size: Math.max(1, Math.min(inFlight, limit) * LEARNING.kept),
  at: now,
  taught: true,
});

/**
 * After another of the same calls is refused, which was under way since `startedAt`: it was counted in flight and has
 * not passed either. So where nine of ten calls at once are refused, one lesson finds the tenth.
 */
export const withoutRefused = (slots: Slots | null, startedAt: number): Slots | null =>
  slots?.taught && startedAt < slots.at
    ? { ...slots, size: Math.max(1, slots.size - LEARNING.kept) }
    : slots;
