/**
 * Why an accepted job waits: no deployment that may run it takes calls now, or its tenant is at a limit of its own. A full budget of
 * the deployments is no such reason.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { membersOf } from '@sluice/job';
import type { Job } from '@sluice/job';
import { readJobHead } from '@sluice/ledger';
import type { JobHead } from '@sluice/ledger';
import type { Api } from './api.ts';
import type { PublishedHealth } from './figures.ts';
import { neverPlaced } from './standing.ts';

export type Waiting = NonNullable<Job['waiting']>;

type Ports = Pick<Api, 'figures' | 'fleet' | 'ledger'>;

export interface Stuck extends Waiting {
  /** When one of its deployments is tried again, Unix ms; null = nobody knows. */
  againAt: number | null;
}

const USABLE = ['active', 'half_open'];

/** Null while one of its deployments takes calls, or nobody knows. */
export async function whyWaiting(
  { fleet, figures }: Ports,
  job: Pick<JobHead, 'pool' | 'maxTier' | 'deployment'>,
): Promise<Stuck | null> {
  const ids = membersOf(fleet, job.pool, job.maxTier);
  if (ids === null)
    return { reason: `the config has no pool ${job.pool}`, deployments: [], againAt: null };
  const health = await figures.health();
  const rows = ids.map((id) => [id, health.get(id) ?? {}] as const);
  const deployments = rows.flatMap(([deployment, { state = 'active', reason }]) => {
    // What was placed on it before is called all the same.
    const never = deployment === job.deployment ? null : neverPlaced(fleet, deployment);
    if (USABLE.includes(state) && never === null) return [];
    return [{ deployment, state, reason: never ?? reason ?? state }];
  });
  if (deployments.length < rows.length) return null;
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

const triedAgainAt = ({ state, tried_from: at = null }: PublishedHealth): number[] =>
  at !== null && (state === 'blocked' || state === 'broken') ? [at] : [];

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
