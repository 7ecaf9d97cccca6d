/**
 * Small scenarios drawn from a seed, the same for the same seed: fleets with limits of all kinds, several tenants, and, unless
 * the scenario is calm, whatever may go wrong. In a calm one limits and costs are known, nothing fails, nobody else uses the
 * keys and all work is there at the start.
 */
import { KNOWN_WINDOW, UNKNOWN_WINDOW } from '@sluice/budget';
import type { Accounting, Budget, Deployment, Fleet, Limits, Pool, Tenant } from '@sluice/job';
import { stream } from './chance.ts';
import { behaviour, exampleFleet, exampleJob, scenario } from './example-scenario.ts';
import type { Behaviour, Job, Outage, Scenario, Wish } from './scenario.ts';

export interface Drawn {
  scenario: Scenario;
  calm: boolean;
}

/** Draws of one seed. */
interface Draws {
  chance: (part: number) => boolean;
  int: (least: number, most: number) => number;
  of: <const T>(choices: readonly [T, ...T[]]) => T;
  times: <T>(count: number, make: (i: number) => T) => T[];
}

function drawsOf(seed: number): Draws {
  const random = stream(seed);
  const int = (least: number, most: number): number =>
    least + Math.floor(random() * (most - least + 1));
  return {
    chance: (part) => random() < part,
    int,
    of: (choices) => choices[int(0, choices.length - 1)] as (typeof choices)[0],
    times: (count, make) => Array.from({ length: count }, (_, i) => make(i)),
  };
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Work comes, and things go wrong, within so long. */
const SPAN_MS = 20_000;
const IDS = ['u', 'v', 'w', 'x'] as const;

/** Every third is calm. */
export function randomScenario(seed: number): Drawn {
  const draws = drawsOf(seed);
  const calm = seed % 3 === 0;
  const fleet = fleetOf(draws, calm);
  const window = calm
    ? draws.of([
        'bucket_1s',
        'bucket_10s',
        'bucket_60s',
        'fixed_10s',
        'fixed_minute',
        'sliding_60s',
      ])
    : draws.of(['bucket_1s', 'bucket_10s', 'sliding_60s']);
  const ids = [...fleet.deployments.keys()];
  const hasDays = [...fleet.budgets.values()].some(
    ({ limits }) => limits.rpd !== undefined || limits.tpd !== undefined,
  );
  const behaviours = ids.map((id): [string, Behaviour] => [
    id,
    calm ? behaviour({ window }) : stormyBehaviour(draws, window),
  ]);
  const made = scenario(fleet, jobsOf(draws, { calm, hasDays }), {
    behaviours: new Map(behaviours),
    seed,
    tenants: calm ? [] : tenantsOf(draws),
    wishes: calm ? [] : wishesOf(draws, ids),
  });
  // Ten whole seconds have no burst to spare: what is set for a provider that says nothing of its windows.
  const pacing = window === 'fixed_10s' ? UNKNOWN_WINDOW : KNOWN_WINDOW;
  return { scenario: { ...made, settings: { ...made.settings, pacing } }, calm };
}

function fleetOf(draws: Draws, calm: boolean): Fleet {
  const ids = IDS.slice(0, draws.int(1, IDS.length));
  const limits = ids.map((id): [string, Limits] => [id, limitsOf(draws, calm)]);
  const tiers = draws.chance(0.3) && ids.length > 1 ? [ids.slice(0, 1), ids.slice(1)] : [ids];
  const fleet = exampleFleet(
    Object.fromEntries(limits),
    tiers.map((tier) => [...tier]),
  );
  const pool = fleet.pools.get('fast') as Pool;
  const strategy = draws.of([
    'capacity',
    'capacity',
    'weighted',
    'round_robin',
    'adaptive',
    'cost',
  ]);
  const spillAfterMs = calm ? null : draws.of([null, 0, 2_000]);
  fleet.pools.set('fast', { ...pool, strategy: { name: strategy }, spillAfterMs });
  for (const [id, deployment] of fleet.deployments) {
    const isFirst = id === ids[0];
    const accounting = accountingOf(draws, deployment.accounting);
    const weight = !calm && !isFirst && draws.chance(0.1) ? 0 : draws.int(1, 3);
    fleet.deployments.set(id, { ...deployment, weight, accounting });
    const budget = fleet.budgets.get(id) as Budget;
    fleet.budgets.set(id, { ...budget, outputCharge: accounting.output });
  }
  if (ids.length > 1 && draws.chance(0.3)) shareOne(fleet, ids.slice(0, 2), draws);
  return fleet;
}

/** What a maximum charges is known beforehand; what is produced is not. */
const accountingOf = (draws: Draws, usual: Accounting): Accounting => ({
  ...usual,
  output: draws.of(['max_tokens', 'max_tokens', 'actual']),
});

function limitsOf(draws: Draws, calm: boolean): Limits {
  const limits: Limits = { rpm: draws.int(30, 900) };
  if (draws.chance(0.4)) limits.tpm = draws.int(20_000, 400_000);
  if (draws.chance(0.2)) limits.itpm = draws.int(20_000, 400_000);
  if (draws.chance(0.3)) limits.concurrency = draws.int(1, 20);
  if (!calm && draws.chance(0.05)) limits.rpd = draws.int(5, 60);
  if (!calm && draws.chance(0.02)) limits.tpd = draws.int(5_000, 60_000);
  return limits;
}

/** A budget that two deployments share. */
function shareOne(fleet: Fleet, ids: readonly string[], draws: Draws): void {
  const { output } = (fleet.deployments.get(ids[0] as string) as Deployment).accounting;
  const limits = { rpm: draws.int(60, 900) };
  fleet.budgets.set('org', { id: 'org', limits, outputCharge: output, root: 'org' });
  for (const id of ids) {
    const deployment = fleet.deployments.get(id) as Deployment;
    fleet.deployments.set(id, { ...deployment, budgets: [id, 'org'], root: 'org' });
    fleet.budgets.set(id, { ...(fleet.budgets.get(id) as Budget), root: 'org' });
  }
}

function stormyBehaviour(draws: Draws, window: Behaviour['window']): Behaviour {
  const share = draws.of([0, 0, 0.05, 0.25, 0.6]);
  const failure = draws.of(['overloaded', 'network', 'timeout', 'provider_error']);
  return behaviour({
    window,
    outages: draws.times(draws.int(0, 2), () => outageOf(draws)),
    failures: share > 0 ? { [failure]: share } : {},
    others: draws.chance(0.2) ? { rpm: draws.int(5, 100) } : {},
    limits: draws.chance(0.1) ? { rpm: draws.int(20, 200) } : {},
    headers: draws.chance(0.7),
    failedRequestsCount: draws.chance(0.3),
  });
}

function outageOf(draws: Draws): Outage {
  const fromMs = draws.int(0, SPAN_MS);
  const kind = draws.of(['overloaded', 'network', 'hang', 'slow', 'credential', 'quota_exhausted']);
  return { fromMs, toMs: fromMs + draws.int(1_000, 2 * SPAN_MS), kind, factor: draws.int(2, 8) };
}

const wishesOf = (draws: Draws, ids: readonly string[]): Wish[] =>
  draws.times(draws.int(0, 2), () => {
    const fromMs = draws.int(0, SPAN_MS);
    const deployment = draws.of(ids as [string, ...string[]]);
    return { deployment, fromMs, toMs: fromMs + draws.int(1_000, SPAN_MS), wish: 'paused' };
  });

const tenantsOf = (draws: Draws): Tenant[] =>
  ['a', 'b'].map((id) => ({
    id,
    weight: draws.int(1, 4),
    keyHashes: [],
    pools: null,
    limits: draws.chance(0.2) ? { concurrency: draws.int(1, 5) } : {},
  }));

function jobsOf(draws: Draws, { calm, hasDays }: { calm: boolean; hasDays: boolean }): Job[] {
  const deadlineMs = calm ? DAY_MS : draws.of(hasDays ? [15_000, 26 * HOUR_MS] : [15_000, 300_000]);
  const largest = draws.of([100, 1_000, 4_000]);
  return draws.times(draws.int(1, calm ? 100 : 60), () => {
    const batch = calm || draws.chance(0.6) ? draws.of(['one', 'two']) : null;
    // A batch belongs to one tenant and band.
    const tenant = batch === null ? draws.of(['a', 'b']) : batch === 'one' ? 'a' : 'b';
    const priority = batch === null ? draws.of(['interactive', 'normal', 'low']) : 'low';
    const inputTokens = draws.int(1, largest);
    const at = calm ? 0 : draws.int(0, SPAN_MS);
    const outputTokens = draws.int(1, 200);
    return exampleJob({ at, batch, tenant, priority, inputTokens, outputTokens, deadlineMs });
  });
}
