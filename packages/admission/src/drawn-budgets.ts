/** What a deployment's calls draw on, put as the scripts want it; made once per fleet, not per call. */
import {
  AMOUNTS,
  amountCounted,
  correctionsOf,
  refundsOf,
  rulesOf,
  CREDIT_MARGIN_MS,
  HOLE_MS,
} from '@sluice/budget';
import type {
  Binding,
  BudgetRules,
  Corrections,
  Cost,
  Dimension,
  EndedCall,
  PacedDimension,
  PacingSettings,
} from '@sluice/budget';
import type { Deployment, Fleet, RateDimension } from '@sluice/job';
import { dimensionField, leasesKey, loadKey, pauseField, ratesKey } from './keys.ts';

export interface DrawnBudgets {
  deployment: Deployment;
  rules: BudgetRules[];
  /** `rates`, `load`, then the leases of the budgets that limit concurrency. */
  keys: string[];
  leaseKeys: string[];
  /** ARGV[1] of book.lua. */
  rulesJson: string;
  /** What the number in book.lua's reply stands for, from 1. */
  bindings: Binding[];
}

/** Throws RangeError when the fleet names a budget that it does not have. */
export function drawnBudgets(
  deployment: Deployment,
  { fleet, prefix, pacing }: { fleet: Fleet; prefix: string; pacing: PacingSettings },
): DrawnBudgets {
  const rules = deployment.budgets.map((id) => {
    const budget = fleet.budgets.get(id);
    if (!budget) throw new RangeError(`deployment ${deployment.id} draws on no such budget: ${id}`);
    return rulesOf(budget, pacing);
  });
  const { root } = deployment;
  const limited = rules.filter(({ concurrency }) => concurrency !== null);
  const leaseKeys = limited.map(({ budget }) => leasesKey(prefix, root, budget));
  return {
    deployment,
    rules,
    keys: [ratesKey(prefix, root), loadKey(prefix, root), ...leaseKeys],
    leaseKeys,
    rulesJson: JSON.stringify(scriptRules(deployment.id, rules)),
    bindings: [
      ...rules.map(({ budget }): Binding => ({ budget, dimension: 'paused' })),
      ...charged(rules),
      ...limited.map(({ budget }): Binding => ({ budget, dimension: 'concurrency' })),
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

function scriptRules(deployment: string, rules: readonly BudgetRules[]): object {
  return {
    deployment,
    fields: [
      'run',
      'emptied',
      ...rules.map(({ budget }) => pauseField(budget)),
      ...charged(rules).map(({ budget, dimension }) => dimensionField(budget, dimension)),
    ],
    budgets: rules.length,
    own: rules[0]?.pacers.length ?? 0,
    hole: HOLE_MS,
    pacers: rules.flatMap(({ pacers }) =>
      pacers.map((rule) => [
        position(rule.dimension),
        rule.msPerUnit,
        rule.burstMs,
        rule.batchBurstMs,
      ]),
    ),
    windows: rules.flatMap(({ windows }) =>
      windows.map((rule) => [position(rule.dimension), rule.limit, rule.binMs, rule.bins]),
    ),
    permits: rules.flatMap(({ concurrency }) => (concurrency === null ? [] : [concurrency])),
  };
}

/** ARGV[1] of settle.lua for calls that ended. */
export const endedChange = ({ rules }: DrawnBudgets, calls: readonly EndedCall[]): string =>
  scriptChange(
    rules,
    rules.map((rule) => correctionsOf(rule, calls)),
    { longestMs: Math.max(0, ...calls.map(({ tookMs }) => tookMs)), booked: 0 },
  );

/** ARGV[1] of settle.lua for `n` calls that were booked and not made. */
export const refundChange = ({ rules }: DrawnBudgets, n: number, costs: readonly Cost[]): string =>
  scriptChange(
    rules,
    rules.map((rule) => refundsOf(rule, costs)),
    { longestMs: 0, booked: -n },
  );

function scriptChange(
  rules: readonly BudgetRules[],
  corrections: readonly Corrections[],
  rest: { longestMs: number; booked: number },
): string {
  const pacers = rules.flatMap((rule, i) =>
    rule.pacers.flatMap(({ dimension, msPerUnit, burstMs, creditMs }, p) => {
      const debtMs = (corrections[i]?.pacers[p] ?? 0) * msPerUnit;
      const field = dimensionField(rule.budget, dimension);
      return debtMs === 0 ? [] : [[field, debtMs, burstMs, creditMs]];
    }),
  );
  const windows = rules.flatMap((rule, i) =>
    rule.windows.flatMap(({ dimension, binMs, bins }, w) => {
      const { more, less } = corrections[i]?.windows[w] ?? { more: 0, less: 0 };
      const field = dimensionField(rule.budget, dimension);
      return more === 0 && less === 0 ? [] : [[field, more, less, binMs, bins]];
    }),
  );
  return JSON.stringify({ pacers, windows, margin: CREDIT_MARGIN_MS, ...rest });
}

/** What a provider says of a limit, in the words of its headers. */
export interface LimitReport {
  dimension: RateDimension;
  limit: number;
  remaining: number | null;
  resetMs: number | null;
}

/**
 * ARGV[1] of observe.lua: the pacers whose burst is larger than what the provider says is left; null when there is
 * none, which is nearly always.
 */
export function lowerLevels(
  { rules }: DrawnBudgets,
  reports: readonly LimitReport[],
): string | null {
  const lowered = rules.flatMap(({ budget, pacers }) =>
    pacers.flatMap((rule) => {
      const left = reports
        .filter(({ dimension }) => dimension === rule.dimension)
        .flatMap(({ remaining }) => (remaining === null ? [] : [remaining * rule.msPerUnit]));
      const least = Math.min(...left);
      const field = dimensionField(budget, rule.dimension satisfies PacedDimension);
      return least < rule.burstMs ? [[field, least, rule.burstMs]] : [];
    }),
  );
  return lowered.length > 0 ? JSON.stringify(lowered) : null;
}

/** The budgets that a 429 slows down: those that limit the dimension it names, if any does; else all of them. */
export function pausedBudgets({ rules }: DrawnBudgets, dimension?: string): string[] {
  const limiting = rules.filter((rule) =>
    charged([rule]).some((limited) => limited.dimension === dimension),
  );
  return (limiting.length > 0 ? limiting : rules).map(({ budget }) => budget);
}
