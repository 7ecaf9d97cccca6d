/**
 * Why an accepted job waits: no deployment that may run it takes calls now, or its tenant is at a limit of its own. A full budget of
 * the deployments is no such reason.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Job } from '@sluice/job';
import { readJobHead } from '@sluice/ledger';
import type { JobHead } from '@sluice/ledger';
import type { Api } from './api.ts';
import type { PublishedHealth } from './figures.ts';

export type Waiting = NonNullable<Job['waiting']>;

type Ports = Pick<Api, 'figures' | 'fleet' | 'ledger'>;

export interface Stuck extends Waiting {
  /** When one of its deployments is tried again, Unix ms; null = nobody knows. */
  againAt: number | null;
}

const USABLE = ['active', 'half_open'];

/** Null while one of its deployments takes calls, or nobody knows. */
export async function whyWaiting(ports: Ports, job: JobHead): Promise<Stuck | null> {
  const ids = candidatesOf(ports, job);
  const health = await ports.figures.health();
  const rows = ids.map((id) => [id, health.get(id) ?? {}] as const);
  if (rows.some(([, { state = 'active' }]) => USABLE.includes(state))) return null;
  const deployments = rows.map(([deployment, { state = '', reason }]) => ({
    deployment,
    state,
    reason: reason ?? state,
  }));
  const times = rows.flatMap(([, row]) => triedAgainAt(row));
  const againAt = times.length > 0 ? Math.min(...times) : null;
  return { reason: `no deployment of ${job.pool} takes calls now`, deployments, againAt };
}

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

function candidatesOf({ fleet }: Ports, { pool, maxTier }: JobHead): string[] {
  const tiers = fleet.pools.get(pool)?.tiers;
  return tiers?.slice(0, maxTier ?? tiers.length).flat() ?? [pool.slice('deployment/'.length)];
}

const triedAgainAt = ({ state, tried_from: at = null }: PublishedHealth): number[] =>
  at !== null && (state === 'blocked' || state === 'broken') ? [at] : [];

/** What a client is told of it. */
export const publicWaiting = ({ reason, deployments }: Waiting): Waiting => ({
  reason,
  deployments,
});

/** In words: each deployment with its reason. */
export const inWords = ({ deployments }: Waiting): string =>
  deployments.map(({ deployment, reason }) => `${deployment}: ${reason}`).join('; ');

const LOOK_EVERY_MS = 1_000;

/** Resolves once a queued job had no usable deployment for `patienceMs` in a row; null when `signal` aborts before. */
export async function untilStuck(
  ports: Ports,
  id: string,
  { patienceMs, signal }: { patienceMs: number; signal: AbortSignal },
): Promise<Stuck | null> {
  let since: number | null = null;
  while (!signal.aborted) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    const job = await readJobHead(ports.ledger, id).catch(() => null);
    const stuck = job?.status === 'queued' ? await whyWaiting(ports, job).catch(() => null) : null;
    since = stuck === null ? null : (since ?? Date.now());
    if (stuck !== null && since !== null && Date.now() - since >= patienceMs - LOOK_EVERY_MS) {
      return signal.aborted ? null : stuck;
    }
  }
  return null;
}
