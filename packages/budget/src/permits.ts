/**
 * Calls in flight: permits that a call holds until it ends or its lease lapses. They are limited by what is configured or
 * learnt about calls at once, and where output is counted as it is produced, by what calls under way produce.
 */
import type { Binding, BookRequest } from './book.ts';
import { callsAtOnce, isSpeedKnown, levelAt, producedLimit, withUnderWay } from './produced.ts';
import { PERMIT_POLL_MS } from './rules.ts';
import type { BudgetRules } from './rules.ts';
import { firstSlots, freshSlots, isKnown, slotsOf } from './slots.ts';
import { budgetIn, liveLeases, withBudget } from './state.ts';
import type { AdmissionState } from './state.ts';
import { paceIn } from './paces.ts';

/**
 * The budgets that count calls in flight: a deployment's own always, a shared one where these are limited, as such or by
 * what they produce.
 */
export const leasing = <R extends BudgetRules>(rules: readonly R[]): R[] =>
  rules.filter((rule, i) => i === 0 || rule.concurrency !== null || producedLimit(rule) !== null);

/** How many more calls may be in flight, and when to ask again if too few. */
export function permitsLeft(
  state: AdmissionState,
  request: BookRequest,
  now: number,
): { left: number; wait: { at: number; binding: Binding | null } } {
  const { rules, leaseMs, band } = request;
  let left = Number.POSITIVE_INFINITY;
  let wait: { at: number; binding: Binding | null } = { at: now, binding: null };
  const known = isKnown(state, rules, now);
  for (const rule of leasing(rules)) {
    const { budget } = rule;
    const slots = slotsOf(state, rule, { starting: rule === rules[0] && !known, now });
    const most = Math.min(slots, flowOf(state, rule, now)?.atOnce(band) ?? slots);
    if (most === Number.POSITIVE_INFINITY) continue;
    const free = most - Object.keys(liveLeases(state, budget, { now, leaseMs })).length;
    if (free >= left) continue;
    left = free;
    wait = { at: now + PERMIT_POLL_MS, binding: { budget, dimension: 'concurrency' } };
  }
  return { left: Math.max(0, left), wait };
}

/** A limit that is kept by calls under way, as it stands. */
interface Flow {
  level: number;
  msPerUnit: number;
  atOnce: (band: BookRequest['band']) => number;
}

/** null: the budget has none, or the speed of its calls is not known yet. */
function flowOf(state: AdmissionState, rule: BudgetRules, now: number): Flow | null {
  const limit = producedLimit(rule);
  if (limit === null) return null;
  const { produced } = budgetIn(state, rule.budget);
  const pace = paceIn(state, rule.budget, { rule: limit, now });
  if (pace === null || !isSpeedKnown(produced)) return null;
  const { msPerUnit } = pace;
  const level = levelAt(produced, { emptiedAt: state.emptiedAt, now });
  return { level, msPerUnit, atOnce: (band) => callsAtOnce(produced, { level, band, msPerUnit }) };
}

/** Forgets leases that have lapsed; what they were charged to the rates stays charged. */
export function withoutLapsed(
  state: AdmissionState,
  { rules, leaseMs }: BookRequest,
  now: number,
): AdmissionState {
  return leasing(rules).reduce(
    (next, { budget }) =>
      withBudget(next, budget, { leases: liveLeases(state, budget, { now, leaseMs }) }),
    state,
  );
}

/** Takes the permits; a slow start is remembered from its first call on. */
export function withPermits(
  state: AdmissionState,
  { rules, leases, leaseMs }: BookRequest,
  { starts, now }: { starts: readonly number[]; now: number },
): AdmissionState {
  const [own] = rules;
  if (own === undefined || starts.length === 0) return state;
  const taken = Object.fromEntries(starts.map((start, i) => [leases[i], start + leaseMs]));
  const leased = leasing(rules).reduce(
    (next, rule) =>
      withFlow(
        withBudget(next, rule.budget, {
          leases: { ...budgetIn(next, rule.budget).leases, ...taken },
        }),
        rule,
        now,
      ),
    state,
  );
  if (isKnown(state, rules, now)) return leased;
  const slots = freshSlots(budgetIn(state, own.budget).slots, now) ?? firstSlots(now);
  return withBudget(leased, own.budget, { slots });
}

/** What is produced from now on is by the calls that hold a permit now. */
function withFlow(state: AdmissionState, rule: BudgetRules, now: number): AdmissionState {
  const flow = flowOf(state, rule, now);
  if (flow === null) return state;
  const { produced, leases } = budgetIn(state, rule.budget);
  const { level, msPerUnit } = flow;
  const calls = Object.keys(leases).length;
  return withBudget(state, rule.budget, {
    produced: withUnderWay(produced, { level, calls, msPerUnit, now }),
  });
}
