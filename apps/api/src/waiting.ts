/**
 * Why an accepted job waits: no deployment that may run it takes calls now, it is too large for them, or its tenant is at a limit of its
 * own; and, of a single job, that the limits of its deployments are used up.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { DeploymentLoad } from '@sluice/admission';
import { getsNothing } from '@sluice/balancing';
import { membersOf, tiersOf } from '@sluice/job';
import type { Fleet, Job, Shape } from '@sluice/job';
import type { JobHead } from '@sluice/ledger';
import type { Api } from './api.ts';
import type { PublishedHealth } from './figures.ts';
import { formatBit } from '@sluice/providers';
import { neverPlaced } from './standing.ts';
import { tooLarge } from './too-large.ts';
import { usedUp } from './used-up.ts';

export type Waiting = NonNullable<Job['waiting']>;

type Ports = Pick<Api, 'figures' | 'fleet'>;

export interface Stuck extends Waiting {
  /** When one of its deployments is tried again, Unix ms; null = nobody knows. */
  againAt: number | null;
}

const USABLE = ['active', 'half_open'];

/** `formats`: those that can say it; absent = all. */
type Wants = Pick<JobHead, 'pool' | 'maxTier' | 'deployment'> & Partial<Pick<JobHead, 'formats'>>;

/**
 * Null while one of its deployments takes calls, or nobody knows. `shapes`: of the requests, where one that is too large for a whole
 * minute of a deployment counts as taken by none.
 */
export async function whyWaiting(
  { fleet, figures }: Ports,
  job: Wants,
  shapes: readonly Shape[] = [],
): Promise<Stuck | null> {
  const ids = membersOf(fleet, job.pool, job.maxTier);
  if (ids === null)
    return { reason: `the config has no pool ${job.pool}`, deployments: [], againAt: null };
  const [health, loads] = await Promise.all([
    figures.health(),
    shapes.length > 0 ? figures.loads() : new Map<string, DeploymentLoad>(),
  ]);
  const rows = ids.map((id) => [id, health.get(id) ?? {}] as const);
  const deployments = rows.flatMap(([deployment, { state = 'active', reason }]) => {
    // What was placed on it before is called all the same.
    const never = deployment === job.deployment ? null : neverTaken(fleet, deployment, job);
    const large = tooLarge(fleet, loads, { id: deployment, shapes });
    if (USABLE.includes(state) && never === null && large === null) return [];
    const standing = USABLE.includes(state) ? null : (reason ?? state);
    return [{ deployment, state, reason: never ?? standing ?? large ?? state }];
  });
  if (deployments.length < rows.length) return null;
  const times = rows.flatMap(([, row]) => triedAgainAt(row));
  const againAt = times.length > 0 ? Math.min(...times) : null;
  return { reason: `no deployment of ${job.pool} takes calls now`, deployments, againAt };
}

/** Why it is not placed there as long as the config stays as it is; null = it may be. */
function neverTaken(fleet: Fleet, id: string, { pool, formats }: Wants): string | null {
  const never = neverPlaced(fleet, id);
  if (never !== null) return never;
  const kept = fleet.pools.get(pool);
  if (kept !== undefined && getsNothing(kept, id))
    return `its arm of the split of ${pool} has 0 %: nothing new is placed on it`;
  const bit = formatBit(fleet.deployments.get(id)?.provider.type ?? '');
  return formats === undefined || (formats & bit) !== 0
    ? null
    : 'its wire format cannot express one of the parameters';
}

/**
 * The limits of deployments that it waits for now: of its own once it has a place, else of all that take calls in the first tier
 * where any does; null where one has room for it, or nobody knows.
 */
export async function whyFull(
  { fleet, figures }: Ports,
  job: Pick<JobHead, 'pool' | 'maxTier' | 'deployment' | 'tier' | 'formats' | 'shape'>,
): Promise<Waiting | null> {
  const [health, loads] = await Promise.all([figures.health(), figures.loads()]);
  const takesCalls = (id: string): boolean =>
    USABLE.includes(health.get(id)?.state ?? 'active') &&
    neverTaken(fleet, id, job) === null &&
    tooLarge(fleet, loads, { id, shapes: [job.shape] }) === null;
  const tiers = job.deployment === null ? tiersFor(fleet, job) : [[job.deployment]];
  const ids = tiers.map((tier) => tier.filter(takesCalls)).find((tier) => tier.length > 0) ?? [];
  const deployments = ids.flatMap((deployment) => {
    const reason = usedUp(fleet, loads.get(deployment), { id: deployment, shape: job.shape });
    const state = health.get(deployment)?.state ?? 'active';
    return reason === null ? [] : [{ deployment, state, reason }];
  });
  if (ids.length === 0 || deployments.length < ids.length) return null;
  const reason =
    job.deployment === null
      ? `no deployment of ${job.pool} has room now: their limits are used up`
      : `${job.deployment} has no room now: its limits are used up`;
  return { reason, deployments };
}

/** From the one that it has come to. */
const tiersFor = (
  fleet: Fleet,
  { pool, tier, maxTier }: Pick<JobHead, 'pool' | 'tier' | 'maxTier'>,
): readonly (readonly string[])[] =>
  (tiersOf(fleet, pool) ?? []).slice(tier - 1, maxTier ?? Infinity);

const COUNTED = {
  rpm: 'requests per minute',
  tpm: 'tokens per minute',
  concurrency: 'calls at once',
} as const;

/** The tenant's own limit that its work waits for now; null where none does, or nobody knows. */
export async function whyHeld({ figures }: Ports, tenant: string): Promise<Waiting | null> {
  const found = (await figures.atLimit()).get(tenant);
  if (found === undefined) return null;
  const { limit, allowed } = found;
  const reason = `tenant ${tenant} is at its own limit ${limit}: allowed ${allowed} ${COUNTED[limit]}`;
  return { reason, deployments: [] };
}

const triedAgainAt = ({ state, tried_from: at = null }: PublishedHealth): number[] =>
  at !== null && (state === 'blocked' || state === 'broken') ? [at] : [];

/** Of what a worker has: which limit it waits for is not asked, or that has room again since. */
export const atGate = (deployment: string | null): Waiting => ({
  reason: `its call waits for the limits of ${deployment ?? 'its deployment'}`,
  deployments: [],
});

/** What a client is told of it. */
export const publicWaiting = ({ reason, deployments }: Waiting): Waiting => ({
  reason,
  deployments,
});

/** In words: each deployment with its reason. */
export const inWords = ({ reason: why, deployments }: Waiting): string =>
  deployments.map(({ deployment, reason }) => `${deployment}: ${reason}`).join('; ') || why;

const LOOK_EVERY_MS = 1_000;

/** Resolves once a queued job had no usable deployment for `patienceMs` in a row; null when `signal` aborts before. */
export async function untilStuck(
  ports: Ports & Pick<Api, 'reads'>,
  id: string,
  { patienceMs, signal }: { patienceMs: number; signal: AbortSignal },
): Promise<Stuck | null> {
  let since: number | null = null;
  while (!signal.aborted) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    const job = await ports.reads.head(id).catch(() => null);
    const stuck = job?.status === 'queued' ? await whyWaiting(ports, job).catch(() => null) : null;
    since = stuck === null ? null : (since ?? Date.now());
    if (stuck !== null && since !== null && Date.now() - since >= patienceMs - LOOK_EVERY_MS) {
      return signal.aborted ? null : stuck;
    }
  }
  return null;
}
