/** All modelled providers of a fleet, with the limits they share and whoever else spends them. */
import type { Budget, Fleet } from '@sluice/job';
import { chargeProduced, createLimitSet } from '@sluice/windows';
import type { LimitSet, SetLimits } from '@sluice/windows';
import type { Agenda } from './agenda.ts';
import { drawn } from './chance.ts';
import { provider } from './provider.ts';
import type { Provider } from './provider.ts';
import { USUAL_BEHAVIOUR } from './scenario.ts';
import type { Behaviour, Scenario } from './scenario.ts';

export interface Providers {
  of: ReadonlyMap<string, Provider>;
  /** By budget: what its limits really are and what was charged to them. */
  sets: ReadonlyMap<string, LimitSet>;
}

/** Wall-clock ms at the start, so that fixed windows are as out of step with it as in life. */
const EPOCH_SPAN_MS = 60_000;
const OTHERS_EVERY_MS = 100;

export const behaviourOf = (
  scenario: Pick<Scenario, 'behaviours'>,
  deployment: string,
): Behaviour => scenario.behaviours.get(deployment) ?? USUAL_BEHAVIOUR;

export function createProviders(scenario: Scenario): Providers {
  const { fleet, seed } = scenario;
  const epochMs = Math.floor(drawn(seed, 7) * EPOCH_SPAN_MS);
  const sets = new Map(
    [...fleet.budgets.values()].map((budget) => {
      const { window, initialFill } = behaviourOf(scenario, ownerOf(fleet, budget));
      const limits = trueLimits(scenario, budget);
      return [budget.id, createLimitSet({ limits, window, initial_fill: initialFill }, 0, epochMs)];
    }),
  );
  const of = [...fleet.deployments.values()].map((deployment) => {
    const parts = {
      deployment,
      behaviour: behaviourOf(scenario, deployment.id),
      sets: deployment.budgets.map((id) => sets.get(id) as LimitSet),
      seed,
    };
    return [deployment.id, provider(parts)] as const;
  });
  return { of: new Map(of), sets };
}

/** A shared budget behaves as the first deployment that draws on it. */
const ownerOf = (fleet: Fleet, budget: Budget): string =>
  fleet.deployments.has(budget.id)
    ? budget.id
    : ([...fleet.deployments.values()].find(({ budgets }) => budgets.includes(budget.id))?.id ??
      '');

/** What the provider really allows: as configured, but for what the behaviour of the deployment itself says. */
export function trueLimits(
  { fleet, behaviours }: Pick<Scenario, 'fleet' | 'behaviours'>,
  { id, limits }: Budget,
): SetLimits {
  const { rpm, tpm, itpm, otpm, concurrency } = limits;
  const own = fleet.deployments.has(id) ? (behaviours.get(id)?.limits ?? {}) : {};
  return { rpm, tpm, itpm, otpm, concurrency, ...own };
}

/** Lets other users spend, a tenth of a second's worth at a time, for as long as `running` says. */
export function startOthers(
  scenario: Scenario,
  { sets }: Providers,
  { agenda, running }: { agenda: Agenda; running: () => boolean },
): void {
  const spenders = [...scenario.behaviours].filter(([, { others }]) =>
    Object.values(others).some((rate) => rate !== undefined && rate > 0),
  );
  if (spenders.length === 0) return;
  const spend = (): void => {
    for (const [id, { others }] of spenders) {
      const set = sets.get(id);
      if (set) spendFor(set, others, agenda.now);
    }
    if (running()) agenda.at(agenda.now + OTHERS_EVERY_MS, spend);
  };
  agenda.at(0, spend);
}

function spendFor(set: LimitSet, others: SetLimits, now: number): void {
  chargeProduced(set, now);
  for (const { dimension, window } of set.rows) {
    const wanted = ((others[dimension] ?? 0) * OTHERS_EVERY_MS) / 60_000;
    const cost = Math.min(wanted, window.remaining(now));
    if (cost > 0) window.take(cost, now);
  }
}
