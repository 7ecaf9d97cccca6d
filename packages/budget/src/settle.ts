/**
 * What happens to a budget after a call was booked: it ends (settle), is not made after all (release), is renewed.
 *
 * What calls cost more or less than booked is netted over a settlement and per pacer over time: unused cost pays
 * later debts, up to `creditMs`, and never lets a call start earlier. So the bound on what is booked holds whatever
 * the estimates are worth; and counted as the provider does, expected at the start and the difference at the end,
 * any window up to a start holds at most (burst + credit) + rate × w: one second's burst, which providers allow.
 */
import { amountOf, differenceOf } from './cost.ts';
import type { Cost } from './cost.ts';
import { leasing } from './book.ts';
import { settlePacer } from './pacer.ts';
import { paceIn } from './paces.ts';
import { CREDIT_MARGIN_MS, addTo, giveBack, liveBins } from './rolling-window.ts';
import type { Bin } from './rolling-window.ts';
import type { BudgetRules, WindowRule } from './rules.ts';
import { grownSlots } from './slots.ts';
import { budgetIn, pacerIn, withBudget } from './state.ts';
import type { AdmissionState, BudgetState } from './state.ts';

export interface EndedCall {
  lease: string;
  expected: Cost;
  /** null: what it cost is not known, so the expected cost stands. */
  actual: Cost | null;
  tookMs: number;
}

/** What ended calls change in one budget. Pacers and windows in the order of its rules. */
export interface Corrections {
  /** Actual − expected in the pacer's unit, summed. */
  pacers: number[];
  /** Charged beyond the expected, and given back, each summed. */
  windows: { more: number; less: number }[];
}

/** Sums the differences of ended calls. */
export function correctionsOf(rules: BudgetRules, calls: readonly EndedCall[]): Corrections {
  const known = calls.flatMap(({ expected, actual }) => (actual ? [{ expected, actual }] : []));
  const { outputCharge } = rules;
  return {
    pacers: rules.pacers.map(({ dimension }) =>
      known.reduce((sum, call) => sum + differenceOf(dimension, call, outputCharge), 0),
    ),
    windows: rules.windows.map(({ dimension }) => {
      const differences = known.map((call) => differenceOf(dimension, call, outputCharge));
      return {
        more: differences.reduce((sum, d) => sum + Math.max(0, d), 0),
        less: differences.reduce((sum, d) => sum + Math.max(0, -d), 0),
      };
    }),
  };
}

/** What calls that were booked and not made give back: day and month counts. Rates are never given back. */
export const refundsOf = (rules: BudgetRules, costs: readonly Cost[]): Corrections => ({
  pacers: rules.pacers.map(() => 0),
  windows: rules.windows.map(({ dimension }) => ({
    more: 0,
    less: costs.reduce((sum, cost) => sum + amountOf(dimension, cost), 0),
  })),
});

export interface SettleRequest {
  rules: readonly BudgetRules[];
  corrections: readonly Corrections[];
  leases: readonly string[];
  /** The longest that one of the calls took, ms. */
  longestMs: number;
  /** How many were answered, and how long the quickest of these took, ms. */
  answers: number;
  quickestMs: number;
}

/** Ends calls: frees their permits and corrects what was charged. */
export function settle(state: AdmissionState, request: SettleRequest, now: number): AdmissionState {
  const { rules, corrections, longestMs } = request;
  const taught = withAnswers(state, request, now);
  return rules.reduce((next, rule, i) => {
    const leases = { ...budgetIn(state, rule.budget).leases };
    for (const lease of request.leases) delete leases[lease];
    const change = corrections[i] as Corrections;
    return withBudget(next, rule.budget, {
      pacers: settledPacers(state, rule, { change, now }),
      windows: settledWindows(state, rule, { change, now, since: now - longestMs }),
      leases,
    });
  }, taught);
}

/** Answers let a slow start go on, and one to a call made after the last lesson ends the row of refusals. */
function withAnswers(
  state: AdmissionState,
  { rules, answers, quickestMs }: SettleRequest,
  now: number,
): AdmissionState {
  const [own] = rules;
  if (own === undefined || answers === 0) return state;
  const { slots, leases, lessonUntil, refusals } = budgetIn(state, own.budget);
  const inFlight = Object.keys(leases).length;
  return withBudget(state, own.budget, {
    slots: grownSlots(slots, { answers, inFlight, now }),
    refusals: now - quickestMs >= lessonUntil ? 0 : refusals,
  });
}

function settledPacers(
  state: AdmissionState,
  { budget, pacers }: BudgetRules,
  { change: corrections, now }: { change: Corrections; now: number },
): BudgetState['pacers'] {
  const after = { ...budgetIn(state, budget).pacers };
  for (const [i, rule] of pacers.entries()) {
    const units = corrections.pacers[i] ?? 0;
    const pace = paceIn(state, budget, { rule, now });
    if (units === 0 || pace === null) continue;
    const change = { now, mostCredit: rule.creditMs };
    after[rule.dimension] = settlePacer(
      pacerIn(state, budget, pace),
      units * pace.msPerUnit,
      change,
    );
  }
  return after;
}

function settledWindows(
  state: AdmissionState,
  { budget, windows }: BudgetRules,
  { change, now, since }: { change: Corrections; now: number; since: number },
): BudgetState['windows'] {
  const after = { ...budgetIn(state, budget).windows };
  for (const [i, rule] of windows.entries()) {
    const { more, less } = change.windows[i] ?? { more: 0, less: 0 };
    if (more === 0 && less === 0) continue;
    const bins = liveBins(after[rule.dimension] ?? [], rule, now);
    after[rule.dimension] = settledBins(bins, rule, { more, less, now, since });
  }
  return after;
}

/** More counts from now on; less is taken from where the earliest of the calls was counted, or before it. */
function settledBins(
  bins: readonly Bin[],
  { binMs }: WindowRule,
  change: { more: number; less: number; now: number; since: number },
): Bin[] {
  const { more, less, now, since } = change;
  const lowered =
    less > 0 ? giveBack(bins, Math.floor((since - CREDIT_MARGIN_MS) / binMs), less) : [...bins];
  return more > 0 ? addTo(lowered, Math.floor(now / binMs), more) : lowered;
}

/**
 * Lets calls in flight keep their permits. Those that had lapsed, because the process was stopped for a while, count
 * again, for the calls are still being made; they are named in `lost`.
 */
export function renew(
  state: AdmissionState,
  request: { rules: readonly BudgetRules[]; leases: readonly string[]; leaseMs: number },
  now: number,
): { state: AdmissionState; lost: string[] } {
  const counting = leasing(request.rules);
  const lost = request.leases.filter((lease) =>
    counting.some(({ budget }) => budgetIn(state, budget).leases[lease] === undefined),
  );
  const terms = Object.fromEntries(request.leases.map((lease) => [lease, now + request.leaseMs]));
  const renewed = counting.reduce(
    (next, { budget }) =>
      withBudget(next, budget, { leases: { ...budgetIn(next, budget).leases, ...terms } }),
    state,
  );
  return { state: renewed, lost };
}
