/**
 * What happens to a budget after a call was booked: it ends (settle), is not made after all (release), is renewed.
 *
 * What calls cost more or less than booked is netted over a settlement and per pacer over time: unused cost pays
 * later debts, up to `creditMs`, and never lets a call start earlier. So the bound on what is booked holds whatever
 * the estimates are worth; and counted as the provider does, expected at the start and the difference at the end,
 * any window up to a start holds at most (burst + credit) + rate × w: one second's burst, which providers allow. Of output that
 * the provider counts as it is produced unused cost does let calls start earlier, up to half of `creditMs`, so that
 * beside a burst something is left for chance (see pacer.ts).
 */
import { amountOf, differenceOf } from './cost.ts';
import type { Cost } from './cost.ts';
import { settlePacer, settleProduced } from './pacer.ts';
import { isByCalls, paceIn } from './paces.ts';
import { leasing } from './permits.ts';
import { afterAnswers, levelAt, producedLimit } from './produced.ts';
import type { Answered } from './produced.ts';
import { CREDIT_MARGIN_MS, addTo, giveBack, liveBins } from './rolling-window.ts';
import type { Bin } from './rolling-window.ts';
import type { BudgetRules, Dimension, WindowRule } from './rules.ts';
import { grownSlots } from './slots.ts';
import { budgetIn, pacerIn, withBudget } from './state.ts';
import type { AdmissionState, BudgetState } from './state.ts';

export interface EndedCall {
  lease: string;
  expected: Cost;
  /** null: what it cost is not known, so the expected cost stands. */
  actual: Cost | null;
  tookMs: number;
  /** For so long it counted as under way, ms: from its booking to this, which is longer than the call took. */
  heldMs: number;
}

/** What ended calls change in one budget. Pacers and windows in the order of its rules. */
export interface Corrections {
  /** Actual − expected in the pacer's unit, summed: of what was charged when calls began. */
  pacers: number[];
  /** The same of output that is counted as it is produced. */
  produced: number[];
  /** Charged beyond the expected, and given back, each summed. */
  windows: { more: number; less: number }[];
}

/** Sums the differences of ended calls. */
export function correctionsOf(rules: BudgetRules, calls: readonly EndedCall[]): Corrections {
  const known = calls.flatMap(({ expected, actual }) => (actual ? [{ expected, actual }] : []));
  const { outputCharge } = rules;
  return {
    pacers: rules.pacers.map(({ dimension }) =>
      known.reduce((sum, call) => sum + differenceOf(dimension, call, 'max_tokens'), 0),
    ),
    produced: rules.pacers.map(({ dimension }) =>
      outputCharge === 'actual' ? outputDifference(dimension, known) : 0,
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

const outputDifference = (
  dimension: Dimension,
  calls: readonly { expected: Cost; actual: Cost }[],
): number =>
  dimension === 'tpm' || dimension === 'otpm'
    ? calls.reduce((sum, { expected, actual }) => sum + actual.output - expected.output, 0)
    : 0;

/** What calls that were booked and not made give back: day and month counts. Rates are never given back. */
export const refundsOf = (rules: BudgetRules, costs: readonly Cost[]): Corrections => ({
  pacers: rules.pacers.map(() => 0),
  produced: rules.pacers.map(() => 0),
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
  /** Those whose usage is known. */
  answered: Answered;
}

/** What calls whose usage is known say of how fast they produce. */
export const answeredOf = (calls: readonly EndedCall[]): Answered =>
  calls.reduce(
    (sum, { actual, heldMs }) =>
      actual === null
        ? sum
        : { calls: sum.calls + 1, tokens: sum.tokens + actual.output, ms: sum.ms + heldMs },
    { calls: 0, tokens: 0, ms: 0 },
  );

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
      produced: settledProduced(state, rule, {
        ...request,
        calls: Object.keys(leases).length,
        now,
      }),
    });
  }, taught);
}

/** Where output is counted as it is produced; `calls`: still under way. */
function settledProduced(
  state: AdmissionState,
  rules: BudgetRules,
  { answered, calls, now }: { answered: Answered; calls: number; now: number },
): BudgetState['produced'] {
  const { produced } = budgetIn(state, rules.budget);
  const limit = producedLimit(rules);
  const pace = limit && paceIn(state, rules.budget, { rule: limit, now });
  if (pace === null) return produced;
  const level = levelAt(produced, { emptiedAt: state.emptiedAt, now });
  const { msPerUnit } = pace;
  return afterAnswers(produced, answered, { level, calls, msPerUnit, now });
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
  rules: BudgetRules,
  { change: corrections, now }: { change: Corrections; now: number },
): BudgetState['pacers'] {
  const { budget, pacers } = rules;
  const after = { ...budgetIn(state, budget).pacers };
  for (const [i, rule] of pacers.entries()) {
    const known = corrections.pacers[i] ?? 0;
    const produced = corrections.produced[i] ?? 0;
    const pace = paceIn(state, budget, { rule, now });
    if ((known === 0 && produced === 0) || pace === null || isByCalls(state, rules, rule)) continue;
    const { msPerUnit } = pace;
    const pacer = pacerIn(state, budget, pace);
    const settled = settlePacer(pacer, known * msPerUnit, { now, mostCredit: rule.creditMs });
    after[rule.dimension] = settleProduced(settled, produced * msPerUnit, {
      now,
      mostGiven: rule.creditMs / 2,
    });
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
 * again, for the calls are still being made; they are named in `lost`. Those that have ended cannot be told from them here:
 * whoever made the calls frees these again.
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
