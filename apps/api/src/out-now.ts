/** Which deployments start nothing now, and why. */
import { membersOf } from '@sluice/job';
import type { Api } from './api.ts';
import type { Blocked } from './batch-object.ts';
import { neverPlaced, standingOf } from './standing.ts';
import type { Live } from './standing.ts';

/**
 * Blocked (what the provider refused and no call has succeeded on since, also while it is being tried again), broken, paused or
 * draining, with a limit per day or month used up, or with weight 0; null = it goes on.
 */
export function outNow(
  api: Pick<Api, 'control' | 'fleet'>,
  deployment: string,
  live: Live,
): Blocked | null {
  const { state, reason, startsNothing } = standingOf(api, deployment, live);
  const { blocked } = live.health.get(deployment) ?? {};
  const never = neverPlaced(api.fleet, deployment);
  return startsNothing || blocked || never
    ? { deployment, reason: never ?? reason ?? blocked ?? state ?? 'unknown' }
    : null;
}

/** More names than this are not read. */
const MOST_NAMED = 5;

/** A sentence for an estimate, of those that lines of these pools could go to. Empty = all of them take calls. */
export async function outWords(
  api: Pick<Api, 'clock' | 'control' | 'figures' | 'fleet'>,
  { pools, maxTier }: { pools: readonly string[]; maxTier: number | null },
): Promise<string[]> {
  const [health, loads] = await Promise.all([api.figures.health(), api.figures.loads()]);
  const ids = new Set(pools.flatMap((pool) => membersOf(api.fleet, pool, maxTier) ?? []));
  const live = { health, loads, now: api.clock.now() };
  const out = [...ids].flatMap((id) => outNow(api, id, live) ?? []);
  if (out.length === 0) return [];
  const named = out.slice(0, MOST_NAMED).map((one) => `${one.deployment} (${one.reason})`);
  const more = out.length > MOST_NAMED ? [`${out.length - MOST_NAMED} more`] : [];
  const all = [...named, ...more].join(', ');
  return [`ideal_ms and eta_at do not count on what takes nothing now: ${all}.`];
}
