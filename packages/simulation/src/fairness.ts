/** Who got how much of what several tenants wanted at the same time. Pure. */
import { grouped } from './grouped.ts';
import type { Task } from './task.ts';

/** A tenant wants all of a window's work where it had jobs waiting all through it. */
const WINDOW_MS = 1_000;

interface Start {
  window: number;
  tenant: string;
  work: number;
}

/**
 * What a tenant's jobs took of the scarcest limits, against what its weight gave it: 1 = exactly that. Only seconds count
 * all through which at least two tenants had jobs waiting, and only what those tenants began in them; a tenant without such
 * a second is not in the answer.
 */
export function againstWeights(
  tasks: readonly Task[],
  weightOf: (tenant: string) => number,
): Map<string, number> {
  const contending = contendingIn([...grouped(tasks, ({ job }) => job.tenant)]);
  const windows = grouped(
    tasks.flatMap(startOf).filter(({ window, tenant }) => contending.get(window)?.has(tenant)),
    ({ window }) => window,
  );
  const got = new Map<string, number>();
  const due = new Map<string, number>();
  for (const [window, starts] of windows) {
    const tenants = [...(contending.get(window) ?? [])];
    const weights = tenants.reduce((sum, id) => sum + weightOf(id), 0);
    const work = starts.reduce((sum, one) => sum + one.work, 0);
    for (const id of tenants) add(due, id, (work * weightOf(id)) / weights);
    for (const { tenant, work: own } of starts) add(got, tenant, own);
  }
  return new Map([...due].map(([id, entitled]) => [id, (got.get(id) ?? 0) / entitled]));
}

const windowOf = (at: number): number => Math.floor(at / WINDOW_MS);

const startOf = ({ firstStartAt, charged, job }: Task): Start[] =>
  firstStartAt === null || charged === null
    ? []
    : [{ window: windowOf(firstStartAt), tenant: job.tenant, work: charged.ms }];

/** By window, the tenants with jobs waiting all through it; windows with fewer than two are left out. */
function contendingIn(tenants: readonly (readonly [string, readonly Task[]])[]) {
  const windows = new Map<number, Set<string>>();
  for (const [tenant, tasks] of tenants)
    for (const [from, to] of waitingTimes(tasks))
      for (let window = Math.ceil(from / WINDOW_MS); (window + 1) * WINDOW_MS <= to; window += 1)
        windows.set(window, (windows.get(window) ?? new Set()).add(tenant));
  return new Map([...windows].filter(([, ids]) => ids.size > 1));
}

/** When at least one of the jobs had arrived and not begun, ms; what never began waited to its end. */
function waitingTimes(tasks: readonly Task[]): [number, number][] {
  const times = tasks
    .map(({ job, firstStartAt, end }): [number, number] => [
      job.at,
      firstStartAt ?? end?.at ?? job.at,
    ])
    .toSorted(([a], [b]) => a - b);
  const joined: [number, number][] = [];
  for (const [from, to] of times) {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

const add = (sums: Map<string, number>, of: string, by: number): void => {
  sums.set(of, (sums.get(of) ?? 0) + by);
};
