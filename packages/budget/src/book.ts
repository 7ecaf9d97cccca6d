/**
 * Booking: the right to start calls, each at its moment, against all dimensions of all budgets it draws on or none.
 * Order is kept: calls are booked in the order of asking, up to the first that cannot start within the horizon,
 * so a big call is never starved by the small ones behind it, and nobody races.
 *
 * A call that its own budget holds back is not booked ahead on a shared one: the shared budget's rate between now and
 * then would be lost to the others who could use it (two deployments on one budget lost 3.4 % of it so).
 */
import { amountOf } from './cost.ts';
import type { Cost } from './cost.ts';
import { charge, earliestStart } from './pacer.ts';
import { addTo, liveBins, roomAt, usedIn } from './rolling-window.ts';
import { HORIZON_MS, PERMIT_POLL_MS } from './rules.ts';
import type { Band, BudgetRules, Dimension } from './rules.ts';
import { budgetIn, liveLeases, pacerIn, withBudget } from './state.ts';
import type { AdmissionState, BudgetState } from './state.ts';

export interface BookRequest {
  /** The budgets that every one of these calls draws on: the deployment's own first, then those it shares. */
  rules: readonly BudgetRules[];
  /** Expected costs, in the order in which the calls are to start. */
  costs: readonly Cost[];
  band: Band;
  /** One name per cost: the permits it holds while it is in flight. */
  leases: readonly string[];
  leaseMs: number;
  horizonMs?: number;
}

/** What made a call wait. `paused`: the provider asked for it. */
export interface Binding {
  budget: string;
  dimension: Dimension | 'concurrency' | 'paused';
}

export interface Booking {
  /** When each call of the granted prefix starts, ms. */
  starts: number[];
  /** Time until the first call not granted could start (for a permit: when to look again); null if all are granted. */
  waitMs: number | null;
  binding: Binding | null;
  /** Whether asking before `waitMs` is over can book the call ahead: false where that would leave shared rate unused. */
  ahead: boolean;
}

/** Rate of a shared budget that a booking may leave unused, ms: what asking again at the right moment takes. */
export const HOLE_MS = 10;

interface Start {
  at: number;
  binding: Binding | null;
}

/** Books as many calls as can start within the horizon. */
export function book(
  state: AdmissionState,
  request: BookRequest,
  now: number,
): { state: AdmissionState; decision: Booking } {
  const horizonMs = request.horizonMs ?? HORIZON_MS;
  const permits = permitsLeft(state, request, now);
  const starts: number[] = [];
  let next = withoutLapsed(state, request, now);
  for (const [i, cost] of request.costs.entries()) {
    const free = startOf(next, { ...request, cost }, now);
    const permitted = i < permits.left;
    const ahead = !leavesHole(next, { ...request, cost }, { start: free.at, now });
    if (!permitted || free.at > now + horizonMs || !ahead) {
      const start = permitted || free.at > permits.wait.at ? free : permits.wait;
      const decision = { starts, waitMs: start.at - now, binding: start.binding, ahead };
      return { state: withLeases(next, request, starts), decision };
    }
    next = charged(next, request.rules, { cost, start: free.at, now, bookedBy: now + horizonMs });
    starts.push(free.at);
  }
  const decision = { starts, waitMs: null, binding: null, ahead: true };
  return { state: withLeases(next, request, starts), decision };
}

/** Whether a start then would leave rate of a shared budget unused until then. */
function leavesHole(
  state: AdmissionState,
  { rules, cost }: { rules: readonly BudgetRules[]; cost: Cost },
  { start, now }: { start: number; now: number },
): boolean {
  return rules.slice(1).some(({ budget, pacers }) =>
    pacers.some((rule) => {
      const free = Math.max(pacerIn(state, budget, rule).fullAt, now);
      return amountOf(rule.dimension, cost) > 0 && start - free > HOLE_MS;
    }),
  );
}

function permitsLeft(
  state: AdmissionState,
  { rules, leaseMs }: BookRequest,
  now: number,
): { left: number; wait: Start } {
  let left = Number.POSITIVE_INFINITY;
  let wait: Start = { at: now, binding: null };
  for (const { budget, concurrency } of rules) {
    if (concurrency === null) continue;
    const lapses = Object.values(liveLeases(state, budget, { now, leaseMs }));
    if (concurrency - lapses.length >= left) continue;
    left = concurrency - lapses.length;
    wait = { at: now + PERMIT_POLL_MS, binding: { budget, dimension: 'concurrency' } };
  }
  return { left: Math.max(0, left), wait };
}

/** Forgets leases that have lapsed; what they were charged to the rates stays charged. */
function withoutLapsed(state: AdmissionState, request: BookRequest, now: number): AdmissionState {
  const { rules, leaseMs } = request;
  return rules
    .filter(({ concurrency }) => concurrency !== null)
    .reduce(
      (next, { budget }) =>
        withBudget(next, budget, { leases: liveLeases(state, budget, { now, leaseMs }) }),
      state,
    );
}

/** When a call could start: the latest moment that any pause, window or pacer asks for. */
function startOf(
  state: AdmissionState,
  call: { rules: readonly BudgetRules[]; cost: Cost; band: Band },
  now: number,
): Start {
  const asked = [
    ...pauses(state, call.rules),
    ...pacerStarts(state, call),
    ...windowStarts(state, call, now),
  ];
  return asked.reduce<Start>((worst, next) => (next.at > worst.at ? next : worst), {
    at: now,
    binding: null,
  });
}

const pauses = (state: AdmissionState, rules: readonly BudgetRules[]): Start[] =>
  rules.map(({ budget }) => ({
    at: budgetIn(state, budget).pausedUntil,
    binding: { budget, dimension: 'paused' },
  }));

/** A call that charges nothing to a dimension does not wait for it. */
function pacerStarts(
  state: AdmissionState,
  { rules, cost, band }: { rules: readonly BudgetRules[]; cost: Cost; band: Band },
): Start[] {
  return rules.flatMap(({ budget, pacers }) =>
    pacers.flatMap((rule) => {
      const costMs = amountOf(rule.dimension, cost) * rule.msPerUnit;
      if (costMs <= 0) return [];
      const burstMs = band === 'batch' ? rule.batchBurstMs : rule.burstMs;
      const at = earliestStart(pacerIn(state, budget, rule), costMs, burstMs);
      return [{ at, binding: { budget, dimension: rule.dimension } }];
    }),
  );
}

function windowStarts(
  state: AdmissionState,
  { rules, cost }: { rules: readonly BudgetRules[]; cost: Cost },
  now: number,
): Start[] {
  return rules.flatMap(({ budget, windows }) =>
    windows.flatMap((rule) => {
      const amount = amountOf(rule.dimension, cost);
      const bins = liveBins(budgetIn(state, budget).windows[rule.dimension] ?? [], rule, now);
      if (amount <= 0 || usedIn(bins) + amount <= rule.limit) return [];
      const at = roomAt(bins, rule, { amount, now });
      return [{ at, binding: { budget, dimension: rule.dimension } }];
    }),
  );
}

/** One call that is granted: its start, and the latest moment it could have been given. */
interface Granted {
  cost: Cost;
  start: number;
  now: number;
  bookedBy: number;
}

/** The state after one granted call. */
const charged = (
  state: AdmissionState,
  rules: readonly BudgetRules[],
  granted: Granted,
): AdmissionState =>
  rules.reduce(
    (next, rule) =>
      withBudget(next, rule.budget, {
        pacers: chargedPacers(state, rule, granted),
        windows: chargedWindows(state, rule, granted),
      }),
    state,
  );

function chargedPacers(
  state: AdmissionState,
  { budget, pacers }: BudgetRules,
  { cost, start }: Granted,
): BudgetState['pacers'] {
  const after = { ...budgetIn(state, budget).pacers };
  for (const rule of pacers) {
    const costMs = amountOf(rule.dimension, cost) * rule.msPerUnit;
    if (costMs > 0) after[rule.dimension] = charge(pacerIn(state, budget, rule), costMs, start);
  }
  return after;
}

/** Windows count a call where it can start at the latest, so that it never falls out too early. */
function chargedWindows(
  state: AdmissionState,
  { budget, windows }: BudgetRules,
  { cost, now, bookedBy }: Granted,
): BudgetState['windows'] {
  const after = { ...budgetIn(state, budget).windows };
  for (const rule of windows) {
    const amount = amountOf(rule.dimension, cost);
    if (amount <= 0) continue;
    const bins = liveBins(after[rule.dimension] ?? [], rule, now);
    after[rule.dimension] = addTo(bins, Math.floor(bookedBy / rule.binMs), amount);
  }
  return after;
}

function withLeases(
  state: AdmissionState,
  { rules, leases, leaseMs }: BookRequest,
  starts: readonly number[],
): AdmissionState {
  const taken = Object.fromEntries(starts.map((start, i) => [leases[i], start + leaseMs]));
  return rules
    .filter(({ concurrency }) => concurrency !== null)
    .reduce(
      (next, { budget }) =>
        withBudget(next, budget, { leases: { ...budgetIn(next, budget).leases, ...taken } }),
      state,
    );
}
