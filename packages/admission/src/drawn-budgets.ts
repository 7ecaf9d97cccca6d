/** What a deployment's calls draw on, put as the scripts want it; made once per fleet, not per call. */
import {
  AMOUNTS,
  PACED_DIMENSIONS,
  amountCounted,
  answeredOf,
  correctionsOf,
  easedRules,
  leasing,
  producedLimit,
  reportedOn,
  refundsOf,
  rulesOf,
  CREDIT_MARGIN_MS,
  HOLE_MS,
  RESERVE,
} from '@sluice/budget';
import type {
  Answered,
  Binding,
  BudgetRules,
  Corrections,
  Cost,
  Dimension,
  EndedCall,
  PacedDimension,
  PacerRule,
  PacingSettings,
} from '@sluice/budget';
import type { Deployment, Fleet, RateDimension } from '@sluice/job';
import {
  dimensionField,
  interactiveField,
  learntField,
  leasesKey,
  loadKey,
  pauseField,
  producedField,
  ratesKey,
  sentField,
  slotsField,
} from './keys.ts';

export interface DrawnBudgets {
  deployment: Deployment;
  rules: BudgetRules[];
  /** `rates`, `load`, then the leases of the deployment's own budget and of the others that limit concurrency. */
  keys: string[];
  leaseKeys: string[];
  /** ARGV[1] of book.lua, and of refuse.lua. */
  rulesJson: string;
  refusalJson: string;
  /** What the number in book.lua's reply stands for, from 1. */
  bindings: Binding[];
}

/** Throws RangeError when the fleet names a budget that it does not have. */
export function drawnBudgets(
  deployment: Deployment,
  {
    fleet,
    prefix,
    pacing,
    eased = 1,
  }: { fleet: Fleet; prefix: string; pacing: PacingSettings; eased?: number },
): DrawnBudgets {
  const rules = deployment.budgets.map((id) => {
    const budget = fleet.budgets.get(id);
    if (!budget) throw new RangeError(`deployment ${deployment.id} draws on no such budget: ${id}`);
    return id === deployment.id
      ? easedRules(rulesOf(budget, pacing), eased)
      : rulesOf(budget, pacing);
  });
  const { root } = deployment;
  const leased = leasing(rules);
  const leaseKeys = leased.map(({ budget }) => leasesKey(prefix, root, budget));
  return {
    deployment,
    rules,
    keys: [ratesKey(prefix, root), loadKey(prefix, root), ...leaseKeys],
    leaseKeys,
    rulesJson: JSON.stringify(scriptRules(deployment.id, rules)),
    refusalJson: JSON.stringify(refusalRules(rules)),
    bindings: [
      ...rules.map(({ budget }): Binding => ({ budget, dimension: 'paused' })),
      ...charged(rules),
      ...leased.map(({ budget }): Binding => ({ budget, dimension: 'concurrency' })),
    ],
  };
}

const named = (budget: string, list: readonly { dimension: Dimension }[]) =>
  list.map(({ dimension }) => ({ budget, dimension }));

/** Pacers of all budgets, then their windows: the order in which the scripts know them. */
function charged(rules: readonly BudgetRules[]): { budget: string; dimension: Dimension }[] {
  return [
    ...rules.flatMap(({ budget, pacers }) => named(budget, pacers)),
    ...rules.flatMap(({ budget, windows }) => named(budget, windows)),
  ];
}

/** The scripts know amounts by position, from 1. */
const position = (dimension: Dimension): number => AMOUNTS.indexOf(amountCounted(dimension)) + 1;

/** A pacer as learnt.lua takes it. */
const scriptPacer = ({ dimension, limit, share, burstMs, batchShare }: PacerRule): number[] => [
  position(dimension),
  limit ?? 0,
  share,
  burstMs,
  batchShare,
  dimension === 'rpm' ? 1 : 0,
];

/**
 * How many calls in flight a budget allows (0: as many as one likes), its number from 1, and the number of the pacer among
 * all that is kept by them (0: none).
 */
function scriptPermits(rules: readonly BudgetRules[]): [number, number, number][] {
  const pacers = rules.flatMap((rule) => rule.pacers);
  return leasing(rules).map((rule) => {
    const limit = producedLimit(rule);
    const pacer = limit === null ? 0 : pacers.indexOf(limit) + 1;
    return [rule.concurrency ?? 0, rules.indexOf(rule) + 1, pacer];
  });
}

/** Where what is produced is noted; empty where a limit is not kept by it. */
const producedFieldOf = (rules: BudgetRules, rule: PacerRule): string =>
  rule === producedLimit(rules) ? producedField(rules.budget) : '';

/** The limits that are kept by calls under way, as settle.lua takes them. */
const scriptProduced = (rules: readonly BudgetRules[]) =>
  leasing(rules).flatMap((rule, i) => {
    const limit = producedLimit(rule);
    if (limit === null) return [];
    const field = dimensionField(rule.budget, limit.dimension);
    return [[rule.budget, field, scriptPacer(limit), i + 1]];
  });

function scriptRules(deployment: string, rules: readonly BudgetRules[]): object {
  return {
    deployment,
    fields: [
      'run',
      'emptied',
      ...rules.flatMap(({ budget }) => [
        pauseField(budget),
        sentField(budget),
        slotsField(budget),
        interactiveField(budget),
        producedField(budget),
      ]),
      ...rules.flatMap(({ budget, pacers }) =>
        pacers.flatMap(({ dimension }) => [
          dimensionField(budget, dimension),
          learntField(budget, dimension),
        ]),
      ),
      ...rules.flatMap(({ budget, windows }) =>
        windows.map(({ dimension }) => dimensionField(budget, dimension)),
      ),
    ],
    budgets: rules.length,
    own: rules[0]?.pacers.length ?? 0,
    hole: HOLE_MS,
    reserve: RESERVE,
    pacers: rules.flatMap(({ pacers }, i) =>
      pacers.map((rule) => [...scriptPacer(rule), i + 1, rule.freeShare]),
    ),
    windows: rules.flatMap(({ windows }) =>
      windows.map((rule) => [position(rule.dimension), rule.limit, rule.binMs, rule.bins]),
    ),
    permits: scriptPermits(rules),
  };
}

function refusalRules(rules: readonly BudgetRules[]): object {
  const permits = scriptPermits(rules);
  return {
    budgets: rules.map(({ budget }) => budget),
    pacers: rules.flatMap((each, i) =>
      each.pacers.map((rule) => [
        dimensionField(each.budget, rule.dimension),
        scriptPacer(rule),
        i + 1,
        producedFieldOf(each, rule),
      ]),
    ),
    windows: rules.flatMap(({ windows }, i) => windows.map(({ dimension }) => [dimension, i + 1])),
    permits,
    slots:
      Math.max(
        0,
        permits.findIndex(([limit]) => limit > 0),
      ) + 1,
  };
}

/** ARGV[1] of settle.lua for calls that ended; `answered`: how long each that was answered took, ms. */
export const endedChange = (
  { rules }: DrawnBudgets,
  calls: readonly EndedCall[],
  answered: readonly number[],
): string =>
  scriptChange(
    rules,
    rules.map((rule) => correctionsOf(rule, calls)),
    {
      longestMs: Math.max(0, ...calls.map(({ tookMs }) => tookMs)),
      booked: 0,
      answers: answered.length,
      quickestMs: answered.length > 0 ? Math.min(...answered) : 0,
      answered: answeredOf(calls),
    },
  );

/** ARGV[1] of settle.lua for `n` calls that were booked and not made. */
export const refundChange = ({ rules }: DrawnBudgets, n: number, costs: readonly Cost[]): string =>
  scriptChange(
    rules,
    rules.map((rule) => refundsOf(rule, costs)),
    { longestMs: 0, booked: -n, answers: 0, quickestMs: 0, answered: answeredOf([]) },
  );

function scriptChange(
  rules: readonly BudgetRules[],
  corrections: readonly Corrections[],
  {
    answered,
    ...rest
  }: {
    longestMs: number;
    booked: number;
    answers: number;
    quickestMs: number;
    answered: Answered;
  },
): string {
  const pacers = rules.flatMap((rule, i) =>
    rule.pacers.flatMap((pacer, p) => {
      const units = corrections[i]?.pacers[p] ?? 0;
      const field = dimensionField(rule.budget, pacer.dimension);
      const produced = corrections[i]?.produced[p] ?? 0;
      if (units === 0 && produced === 0) return [];
      return [[field, units, scriptPacer(pacer), pacer.creditMs, produced]];
    }),
  );
  const windows = rules.flatMap((rule, i) =>
    rule.windows.flatMap(({ dimension, binMs, bins }, w) => {
      const { more, less } = corrections[i]?.windows[w] ?? { more: 0, less: 0 };
      const field = dimensionField(rule.budget, dimension);
      return more === 0 && less === 0 ? [] : [[field, more, less, binMs, bins]];
    }),
  );
  const own = rules[0]?.budget ?? '';
  const produced = scriptProduced(rules);
  const { calls, tokens, ms } = answered;
  const changes = { pacers, windows, produced, answered: [calls, tokens, ms] };
  return JSON.stringify({ ...changes, margin: CREDIT_MARGIN_MS, own, ...rest });
}

/** What a provider says of a limit, in the words of its headers. */
export interface LimitReport {
  dimension: RateDimension;
  limit: number;
  remaining: number | null;
  resetMs: number | null;
}

const isPaced = (dimension: RateDimension): dimension is PacedDimension =>
  PACED_DIMENSIONS.some((paced) => paced === dimension);

/** ARGV[1] of observe.lua. Limits per day are not learnt. */
export function scriptReports({ rules }: DrawnBudgets, reports: readonly LimitReport[]): string {
  const told = reports.flatMap(({ dimension, limit, remaining }) => {
    if (!isPaced(dimension)) return [];
    const meant = rules.indexOf(reportedOn(rules, dimension, limit)) + 1;
    const pacers = rules.map((each) => {
      const rule = each.pacers.find((one) => one.dimension === dimension) as PacerRule;
      const field = dimensionField(each.budget, dimension);
      return [field, scriptPacer(rule), producedFieldOf(each, rule)];
    });
    return [{ limit, remaining: remaining ?? -1, meant, pacers }];
  });
  return JSON.stringify(told);
}

/** Whether less may be left than the burst of a pacer, by the limits that are reported and configured. */
export const isShort = (
  { rules }: DrawnBudgets,
  { dimension, limit, remaining }: LimitReport,
): boolean =>
  remaining !== null &&
  rules.some(({ pacers }) =>
    pacers.some((rule) => {
      if (rule.dimension !== dimension) return false;
      const unitMs = 60_000 / (Math.min(limit, rule.limit ?? limit) * LEAST_SHARE);
      return remaining * unitMs < Math.max(rule.burstMs, unitMs);
    }),
  );

/** Paces lie above this part of what they are derived from, unless 429s lowered them: then less is left anyway. */
const LEAST_SHARE = 0.5;
