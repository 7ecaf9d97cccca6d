/**
 * Booking: the right to start calls, each at its moment, against all dimensions of all budgets it draws on or none.
 * Order is kept: calls are booked in the order of asking, up to the first that cannot start within the horizon,
 * so a big call is never starved by the small ones behind it, and nobody races. Passed over is only what a limit per day or
 * month holds up for longer than the asker wants to keep it: it may go elsewhere, and smaller ones behind it may still fit.
 *
 * A call that its own budget holds back is not booked ahead on a shared one: the shared budget's rate between now and
 * then would be lost to the others who could use it (two deployments on one budget lost 3.4 % of it so).
 */
import { amountOf } from './cost.ts';
import type { Cost } from './cost.ts';
import { charge, earliestStart, withoutOldDebt } from './pacer.ts';
import { burstFor, horizonFor, isReserved, withInteractive } from './reserve.ts';
import { addTo, liveBins, roomAt, usedIn } from './rolling-window.ts';
import { HORIZON_MS } from './rules.ts';
import type { Band, BudgetRules, Dimension } from './rules.ts';
import { pacesOf } from './paces.ts';
import type { PacedRules } from './paces.ts';
import { permitsLeft, withPermits, withoutLapsed } from './permits.ts';
import { rolled, withSent } from './sent.ts';
import { budgetIn, pacerIn, withBudget } from './state.ts';
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
  /** A call that a limit per day or month holds up for longer than this is passed over; absent = none is. */
  passOverMs?: number;
}

/** What made a call wait. `paused`: the provider asked for it. */
export interface Binding {
  budget: string;
  dimension: Dimension | 'concurrency' | 'paused';
}

export interface Booking {
  /** Positions of the calls that were passed over, from 0: of a day or month too little is left for them. */
  passedOver: number[];
  /** When each call of the granted prefix of the others starts, ms. */
  starts: number[];
  /** Time until the first call not granted could start (for a permit: when to look again); null if all are granted. */
  waitMs: number | null;
  binding: Binding | null;
  /** Whether asking before `waitMs` is over can book the call ahead: false where that would leave shared rate unused. */
  ahead: boolean;
}

/** Rate of a shared budget that a booking may leave unused, ms: what asking again at the right moment takes. */
export const HOLE_MS = 10;

/** What no provider remembers any more is forgotten for good, also where nothing is granted. */
const withoutOldDebts = (
  state: AdmissionState,
  rules: readonly PacedRules[],
  now: number,
): AdmissionState =>
  rules.reduce((next, { budget, paces }) => {
    const eased = paces.flatMap((pace) => {
      const before = pacerIn(next, budget, pace);
      const after = withoutOldDebt(before, pace.msPerUnit, now);
      return after === before ? [] : [[pace.dimension, after] as const];
    });
    if (eased.length === 0) return next;
    const { pacers } = budgetIn(next, budget);
    return withBudget(next, budget, { pacers: { ...pacers, ...Object.fromEntries(eased) } });
  }, state);

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
  const { band, passOverMs = Number.POSITIVE_INFINITY } = request;
  const asked = { ...request, horizonMs: request.horizonMs ?? HORIZON_MS };
  const horizonMs = horizonFor(state, asked, now);
  const permits = permitsLeft(state, request, now);
  const starts: number[] = [];
  const passedOver: number[] = [];
  const leases: string[] = [];
  const rules = pacesOf(state, request.rules, now);
  const asking = band === 'interactive' && request.costs.length > 0;
  let next = withoutOldDebts(withoutLapsed(state, request, now), rules, now);
  if (asking) next = withInteractive(next, rules, now);
  for (const [i, cost] of request.costs.entries()) {
    const renewed = windowStarts(next, { rules, cost }, now).map(({ at }) => at);
    if (Math.max(0, ...renewed) - now > passOverMs) {
      passedOver.push(i);
      continue;
    }
    const free = startOf(next, { rules, cost, band }, now);
    const permitted = starts.length < permits.left;
    const ahead = !leavesHole(next, { rules, cost }, { start: free.at, now });
    if (!permitted || free.at > now + horizonMs || !ahead) {
      const start = permitted || free.at > permits.wait.at ? free : permits.wait;
      const wait = { waitMs: start.at - now, binding: start.binding, ahead };
      return {
        state: withPermits(next, { ...request, leases }, { starts, now }),
        decision: { passedOver, starts, ...wait },
      };
    }
    next = charged(next, rules, { cost, start: free.at, now, bookedBy: now + horizonMs });
    starts.push(free.at);
    leases.push(request.leases[i] as string);
  }
  const decision = { passedOver, starts, waitMs: null, binding: null, ahead: true };
  return { state: withPermits(next, { ...request, leases }, { starts, now }), decision };
}

/** Whether a start then would leave rate of a shared budget unused until then. */
function leavesHole(
  state: AdmissionState,
  { rules, cost }: { rules: readonly PacedRules[]; cost: Cost },
  { start, now }: { start: number; now: number },
): boolean {
  return rules.slice(1).some(({ budget, paces }) =>
    paces.some((pace) => {
      if (pace.byCalls) return false;
      const free = Math.max(pacerIn(state, budget, pace).fullAt, now);
      return amountOf(pace.dimension, cost) > 0 && start - free > HOLE_MS;
    }),
  );
}

/** When a call could start: the latest moment that any pause, window or pacer asks for. */
function startOf(
  state: AdmissionState,
  call: { rules: readonly PacedRules[]; cost: Cost; band: Band },
  now: number,
): Start {
  const asked = [
    ...pauses(state, call.rules),
    ...pacerStarts(state, call, now),
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
  { rules, cost, band }: { rules: readonly PacedRules[]; cost: Cost; band: Band },
  now: number,
): Start[] {
  return rules.flatMap(({ budget, paces }) => {
    const reserved = isReserved(state, budget, now);
    return paces.flatMap((pace) => {
      const costMs = amountOf(pace.dimension, cost) * pace.msPerUnit;
      if (costMs <= 0 || pace.byCalls) return [];
      const burstMs = burstFor(band, pace, reserved);
      const at = earliestStart(pacerIn(state, budget, pace), costMs, burstMs);
      return [{ at, binding: { budget, dimension: pace.dimension } }];
    });
  });
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
  rules: readonly PacedRules[],
  granted: Granted,
): AdmissionState =>
  rules.reduce(
    (next, rule) =>
      withBudget(next, rule.budget, {
        ...chargedPaces(state, rule, granted),
        windows: chargedWindows(state, rule, granted),
        sent: withSent(rolled(budgetIn(state, rule.budget).sent, granted.now), granted.cost),
      }),
    state,
  );

/** What a learnt pace lets pass counts towards its rise. */
function chargedPaces(
  state: AdmissionState,
  { budget, paces }: PacedRules,
  { cost, start }: Granted,
): Pick<BudgetState, 'pacers' | 'learnt'> {
  const pacers = { ...budgetIn(state, budget).pacers };
  const learnt = { ...budgetIn(state, budget).learnt };
  for (const pace of paces) {
    const { dimension } = pace;
    const costMs = amountOf(dimension, cost) * pace.msPerUnit;
    if (costMs <= 0) continue;
    if (!pace.byCalls) pacers[dimension] = charge(pacerIn(state, budget, pace), costMs, start);
    const known = learnt[dimension];
    if (known && known.ceiling > 0)
      learnt[dimension] = { ...known, spentMs: known.spentMs + costMs };
  }
  return { pacers, learnt };
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
