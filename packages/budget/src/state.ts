/**
 * What admission remembers of the budgets under one root. Plain data, never changed in place; in Redis it is the
 * hash `rates` and one sorted set of leases per budget.
 */
import { FULL_PACER } from './pacer.ts';
import type { Pacer } from './pacer.ts';
import type { Learnt } from './learnt.ts';
import { NOTHING_PRODUCED, levelAt } from './produced.ts';
import type { Produced } from './produced.ts';
import type { Bin } from './rolling-window.ts';
import type { PacedDimension, WindowedDimension } from './rules.ts';
import type { Sent } from './sent.ts';
import type { Slots } from './slots.ts';

export interface BudgetState {
  /** Nothing starts before (a 429's retry-after), ms. */
  pausedUntil: number;
  pacers: Partial<Record<PacedDimension, Pacer>>;
  windows: Partial<Record<WindowedDimension, Bin[]>>;
  /** Lease → when it lapses, ms. */
  leases: Record<string, number>;
  learnt: Partial<Record<PacedDimension, Learnt>>;
  /** What was charged lately; null before the first call. */
  sent: Sent | null;
  /** Calls at once as a slow start or a 429 allows them; null before the first. */
  slots: Slots | null;
  /** Pauses in a row since the last lesson, no call made after it having been answered; and when that one's pause ended. */
  refusals: number;
  lessonUntil: number;
  /** What answers say of how fast calls produce, and what is left of a limit on it. */
  produced: Produced;
  /** When an interactive call last asked, ms; -Infinity = never. */
  interactiveAt: number;
}

export interface AdmissionState {
  /**
   * When the store was last found restarted, ms (0 = never): every bucket counts as empty at that moment and
   * every lease lasts one full term from it, since what was booked and renewed meanwhile may be lost.
   */
  emptiedAt: number;
  budgets: Record<string, BudgetState>;
}

/** Nothing was ever sent, so the provider's buckets are full and so are ours. */
export const fullState = (): AdmissionState => ({ emptiedAt: 0, budgets: {} });

/** Nothing is known, so every bucket starts empty. */
export const emptyState = (now: number): AdmissionState => ({ emptiedAt: now, budgets: {} });

/** The state after the store came back under another run id: what it knows, with empty buckets. */
export const afterRestart = (state: AdmissionState, now: number): AdmissionState => ({
  ...state,
  emptiedAt: now,
});

const UNUSED: BudgetState = {
  pausedUntil: 0,
  pacers: {},
  windows: {},
  leases: {},
  learnt: {},
  sent: null,
  slots: null,
  refusals: 0,
  lessonUntil: 0,
  produced: NOTHING_PRODUCED,
  interactiveAt: Number.NEGATIVE_INFINITY,
};

export const budgetIn = (state: AdmissionState, budget: string): BudgetState =>
  state.budgets[budget] ?? UNUSED;

/** A budget's pacer as it counts now: after a restart, no fuller than a bucket that was empty then. */
export function pacerIn(
  state: AdmissionState,
  budget: string,
  { dimension, burstMs }: { dimension: PacedDimension; burstMs: number },
): Pacer {
  const pacer = budgetIn(state, budget).pacers[dimension] ?? FULL_PACER;
  const empty = state.emptiedAt === 0 ? 0 : state.emptiedAt + burstMs;
  return pacer.fullAt >= empty ? pacer : { ...pacer, fullAt: empty };
}

/** The leases of a budget that hold a permit at `now`. */
export function liveLeases(
  state: AdmissionState,
  budget: string,
  { now, leaseMs }: { now: number; leaseMs: number },
): Record<string, number> {
  const { leases } = budgetIn(state, budget);
  if (state.emptiedAt > 0 && now < state.emptiedAt + leaseMs) return leases;
  // Hardly ever has one lapsed, and this is asked with every booking.
  for (const lease in leases)
    if ((leases[lease] as number) <= now)
      return Object.fromEntries(Object.entries(leases).filter(([, lapses]) => lapses > now));
  return leases;
}

export const withBudget = (
  state: AdmissionState,
  budget: string,
  change: Partial<BudgetState>,
): AdmissionState => ({
  ...state,
  budgets: { ...state.budgets, [budget]: { ...budgetIn(state, budget), ...change } },
});

/** No more than this is left of a limit on what calls produce, ms of its rate. */
export function withLevelAtMost(
  state: AdmissionState,
  budget: string,
  { most, now }: { most: number; now: number },
): AdmissionState {
  const { produced } = budgetIn(state, budget);
  const level = levelAt(produced, { emptiedAt: state.emptiedAt, now });
  return withBudget(state, budget, {
    produced: { ...produced, levelMs: Math.min(level, most), at: now },
  });
}
