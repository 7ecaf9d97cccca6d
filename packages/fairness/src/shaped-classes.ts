/** Classes of jobs as a plan has them, with how long the limits of their tenants take to let them through. */
import type { ShapingLimits } from './shaping.ts';
import { shapedInTurn } from './shaping-time.ts';
import type { ShapedTime, ShapedWork } from './shaping-time.ts';

/** By deployment that may run a job, what it takes there in the mean. */
type Places = Readonly<
  Record<string, { cost: { input: number; output: number }; latencyMs: number }>
>;

/** As far as it matters here. */
interface ClassOfJobs {
  jobs: number;
  deadlineInMs?: number | null;
  deployments: Places;
}

/** A class, and whose limits it is held by; null = nobody's. */
export interface OfTenant<Class> {
  jobClass: Class;
  tenant: string | null;
}

/** So many jobs that may go to any of these deployments. */
export function workAt(deployments: Places, jobs: number): ShapedWork {
  const places = Object.values(deployments);
  const mean = (read: (place: (typeof places)[number]) => number): number =>
    places.reduce((sum, place) => sum + read(place), 0) / Math.max(1, places.length);
  return {
    jobs,
    tokens: jobs * mean(({ cost }) => cost.input + cost.output),
    callMs: jobs * mean(({ latencyMs }) => latencyMs),
  };
}

/** The classes, with how long their tenants' limits take. Of a tenant what is due first goes first. */
export function shapedClasses<Class extends ClassOfJobs>(
  all: readonly OfTenant<Class>[],
  limitsOf: (tenant: string) => ShapingLimits | null,
): (Class & { shaped?: ShapedTime & { tenant: string } })[] {
  const times = shapedInTurn(
    all.map(({ jobClass, tenant }) => ({
      tenant: tenant ?? '',
      dueAt: jobClass.deadlineInMs ?? Infinity,
      work: workAt(jobClass.deployments, jobClass.jobs),
    })),
    (tenant) => (tenant === '' ? null : limitsOf(tenant)),
  );
  return all.map(({ jobClass, tenant }, index) => {
    const time = times[index];
    return time && tenant !== null ? { ...jobClass, shaped: { ...time, tenant } } : jobClass;
  });
}
