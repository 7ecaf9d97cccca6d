/** /admin: live figures of pools, deployments and budgets. Durations in ms, times in Unix seconds, money in US dollars. */
import type { BudgetLoad, DeploymentLoad } from '@sluice/admission';
import { sharedBudget } from '@sluice/control';
import type { Deployment, Pool } from '@sluice/job';
import type { Durations } from '@sluice/prediction';
import { runQueue } from '@sluice/queues';
import type { Api } from '../api.ts';
import { armsOf } from '../arms-view.ts';
import { waitingIn } from '../figures.ts';
import type { PublishedHealth, PublishedPool, QueueDepth } from '../figures.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { readQuery } from '../http/query.ts';
import { latencyView } from '../latency-view.ts';
import { standingOf } from '../standing.ts';
import { z } from 'zod';

interface Live {
  loads: Map<string, DeploymentLoad>;
  health: Map<string, PublishedHealth>;
  depths: Map<string, QueueDepth>;
  durations: Map<string, Durations>;
}

export const noQuery = z.strictObject({});

async function readLive({ figures }: Api): Promise<Live> {
  const [loads, health, depths, durations] = await Promise.all([
    figures.loads(),
    figures.health(),
    figures.depths(),
    figures.durations(),
  ]);
  return { loads, health, depths, durations };
}

/** One deployment, as in the list. */
export async function oneDeployment(api: Api, deployment: Deployment) {
  const [live, plan] = await Promise.all([readLive(api), readPlan(api)]);
  return {
    ...deploymentView(deployment, live, api),
    plan: plan?.deployments[deployment.id] ?? null,
  };
}

export async function adminDeployments(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const [live, plan] = await Promise.all([readLive(api), readPlan(api)]);
  const data = [...api.fleet.deployments.values()].map((one) => ({
    ...deploymentView(one, live, api),
    plan: plan?.deployments[one.id] ?? null,
  }));
  return ok({ object: 'list', data });
}

function deploymentView(
  deployment: Deployment,
  { loads, health, depths, durations }: Live,
  { control, fleet, clock }: Pick<Api, 'control' | 'fleet' | 'clock'>,
) {
  const { id } = deployment;
  const load = loads.get(id);
  const told = health.get(id) ?? {};
  const { state, reason } = standingOf({ control }, id, { health, loads, now: clock.now() });
  return {
    id,
    provider: deployment.provider.id,
    model: deployment.model,
    region: deployment.region,
    weight: deployment.weight,
    limits: fleet.budgets.get(id)?.limits ?? {},
    overridden: control.overrideOf(id),
    configured: {
      weight: control.configured.deployments.get(id)?.weight ?? null,
      limits: control.configured.budgets.get(id)?.limits ?? {},
    },
    budgets: deployment.budgets,
    /** Null until a dispatcher has said it. */
    state,
    reason,
    blocked: told.blocked ?? null,
    since: told.since === undefined ? null : Math.floor(told.since / 1000),
    share: told.share ?? null,
    capacity_share: told.capacity_share ?? null,
    breaker: told.breaker?.kind ?? null,
    next_try_at: nextTry(told),
    share_of_rate: told.share_of_rate ?? null,
    queued: waitingIn(depths.get(runQueue(id))),
    in_flight: load?.inFlight ?? 0,
    ...(load ? callFigures(load) : {}),
    error_rate: told.error_rate ?? null,
    latency_ms: latencyView(durations.get(id)),
  };
}

/** Unix seconds; null where nothing keeps the next job from it. */
const nextTry = ({ tried_from: at = null }: PublishedHealth): number | null =>
  at === null ? null : Math.ceil(at / 1000);

const callFigures = (load: DeploymentLoad) => ({
  succeeded: load.ok,
  failed: load.failed,
  by_outcome: load.byOutcome,
  failures_in_a_row: load.consecutiveFailures,
  mean_latency_ms: load.meanLatencyMs,
  mean_output_tokens: load.meanOutput,
  cost_usd: load.costUsd,
  paused_for_ms: load.pausedForMs,
  used: usedOf(load),
});

/** As the dispatcher that leads has published it. */
async function readPlan({ ledger }: Api): Promise<{ deployments: Record<string, string> } | null> {
  const text = await ledger.redis.get(ledger.keys.plan);
  return text === null ? null : (JSON.parse(text) as { deployments: Record<string, string> });
}

/** The plan in force; without one (nothing drains, or the solver failed) room alone decides, and all of it is empty. */
export async function adminPlan(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  return ok((await readPlan(api)) ?? NO_PLAN);
}

const NO_PLAN = {
  object: 'plan',
  made_at: null,
  ideal_ms: null,
  planned_ms: null,
  cost_usd: null,
  classes: [],
  limits: [],
  late: [],
  unplaced: [],
  deployments: {},
};

export async function adminPools(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const [live, pools, waiting] = await Promise.all([
    readLive(api),
    api.figures.pools(),
    api.figures.waiting(),
  ]);
  const data = await Promise.all(
    [...api.fleet.pools.values()].map(async (pool) => ({
      ...poolView(pool, live, pools.get(pool.id)),
      queued: waiting.get(pool.id) ?? 0,
      arms: await armsOf(api.ledger, api.fleet, pool),
    })),
  );
  return ok({ object: 'list', data });
}

function poolView(pool: Pool, { health, loads }: Live, told: PublishedPool | undefined) {
  const members = pool.tiers.flat();
  return {
    id: pool.id,
    aliases: pool.aliases,
    strategy: pool.strategy,
    tiers: pool.tiers,
    in_flight: members.reduce((sum, id) => sum + (loads.get(id)?.inFlight ?? 0), 0),
    deployments: members.map((id) => ({
      id,
      tier: pool.tiers.findIndex((tier) => tier.includes(id)) + 1,
      state: health.get(id)?.state ?? null,
      share: told?.deployments[id]?.share ?? null,
      capacity_share: told?.deployments[id]?.capacity_share ?? null,
    })),
  };
}

export async function adminBudgets(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const budgets = await api.figures.budgets();
  const data = [...budgets.values()].map((budget) => ({
    id: budget.budget,
    limits: api.fleet.budgets.get(budget.budget)?.limits ?? {},
    overridden: overriddenLimits(api, budget.budget),
    configured: { limits: api.control.configured.budgets.get(budget.budget)?.limits ?? {} },
    deployments: [...api.fleet.deployments.values()]
      .filter((one) => one.budgets.includes(budget.budget))
      .map(({ id }) => id),
    paused_for_ms: budget.pausedForMs,
    in_flight: budget.inFlight,
    /** Calls at once where that is not configured alone: a slow start, or what a 429 taught. */
    at_once: budget.slots && {
      limit: budget.slots.size,
      why: budget.slots.taught
        ? 'a 429 spoke of too many calls at once; it rises again with answers'
        : 'no limit is known: a slow start, one more call at once for each answer',
    },
    used: usedOf(budget),
  }));
  return ok({ object: 'list', data });
}

/** Limits set over the config: a deployment's own budget has those that are set at the deployment. */
function overriddenLimits({ control, fleet }: Api, id: string) {
  const owner = fleet.deployments.has(id) ? id : sharedBudget(id);
  const limits = control.overrideOf(owner)?.limits;
  return limits === undefined ? null : { limits };
}

/** One row per limit. `used`: of the rate, of the limit for days, months and concurrency; `burst_used`: of what may start at once; 0 to 1. */
const usedOf = ({
  dims,
  windows,
  concurrency,
}: Pick<BudgetLoad, 'dims' | 'windows' | 'concurrency'>) => [
  ...dims.map((one) => ({
    dimension: one.dimension,
    limit: one.limit,
    configured: one.configured,
    reported: one.reported,
    learnt: one.learnt,
    why: one.why,
    per_minute: Math.round(one.ratePerMs * 60_000),
    used: one.usedFraction,
    burst_used: one.burstUsedFraction,
    booked_ahead_ms: one.aheadMs,
  })),
  ...windows.map((one) => ({
    dimension: one.dimension,
    limit: one.limit,
    used: one.usedFraction,
    amount: one.used,
  })),
  ...(concurrency
    ? [
        {
          dimension: 'concurrency',
          limit: concurrency.limit,
          used: concurrency.used / concurrency.limit,
          amount: concurrency.used,
        },
      ]
    : []),
];
