/**
 * Tenants with limits of their own, in the plan: lines of such a tenant are classes of their own, as far as there are not too
 * many, and the plan knows how long its limits take to let them through. So nothing is kept free for what cannot come. Pure.
 */
import { shapedInTurn, shapedMs } from '@sluice/fairness';
import type { ShapedWork, ShapingLimits } from '@sluice/fairness';
import type { JobClass } from '@sluice/planning';
import { unfedOf } from './draining.ts';
import type { Draining } from './draining.ts';

/** Of a tenant; null = none. */
export type ShapingOf = (tenant: string) => ShapingLimits | null;

/** So many jobs that may go to any of these deployments. */
export function workAt(deployments: JobClass['deployments'], jobs: number): ShapedWork {
  const places = Object.values(deployments);
  const mean = (read: (place: (typeof places)[number]) => number): number =>
    places.reduce((sum, place) => sum + read(place), 0) / Math.max(1, places.length);
  return {
    jobs,
    tokens: jobs * mean(({ cost }) => cost.input + cost.output),
    callMs: jobs * mean(({ latencyMs }) => latencyMs),
  };
}

/** Where there is no figure yet: only who is looked at hangs on it. */
const ROUGHLY = { charactersPerToken: 4, callMs: 1_000 };

/** The tenants that have limits, first who is held longest by them. */
export function longestHeld(
  batches: readonly Pick<Draining, 'tenant' | 'classes'>[],
  shapingOf: ShapingOf,
): string[] {
  const held = new Map<string, number>();
  for (const { tenant, classes } of batches) {
    const limits = shapingOf(tenant);
    if (limits === null) continue;
    for (const one of classes) {
      const jobs = unfedOf(one);
      const characters = (one.of.characters * jobs) / Math.max(1, one.of.jobs);
      const tokens = characters / ROUGHLY.charactersPerToken;
      const ms = shapedMs(limits, { jobs, tokens, callMs: jobs * ROUGHLY.callMs });
      held.set(tenant, (held.get(tenant) ?? 0) + ms);
    }
  }
  return [...held].toSorted(([, a], [, b]) => b - a).map(([tenant]) => tenant);
}

/** A class, and whose limits it is held by; null = nobody's. */
export interface OfTenant {
  jobClass: JobClass;
  tenant: string | null;
}

/** The classes, with how long their tenants' limits take. Of a tenant what is due first goes first. */
export function shapedClasses(all: readonly OfTenant[], shapingOf: ShapingOf): JobClass[] {
  const times = shapedInTurn(
    all.map(({ jobClass, tenant }) => ({
      tenant: tenant ?? '',
      dueAt: jobClass.deadlineInMs ?? Infinity,
      work: workAt(jobClass.deployments, jobClass.jobs),
    })),
    (tenant) => (tenant === '' ? null : shapingOf(tenant)),
  );
  return all.map(({ jobClass, tenant }, index) => {
    const time = times[index];
    return time && tenant !== null ? { ...jobClass, shaped: { ...time, tenant } } : jobClass;
  });
}
