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
  const begun = grouped(tasks.flatMap(startOf), ({ window }) => window);
  const contending = contendingIn(begun.keys(), [...grouped(tasks, ({ job }) => job.tenant)]);
  const got = new Map<string, number>();
  const due = new Map<string, number>();
  for (const [window, tenants] of contending) {
    const starts = (begun.get(window) ?? []).filter(({ tenant }) => tenants.includes(tenant));
    if (starts.length === 0) continue;
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
function contendingIn(
  windows: Iterable<number>,
  tenants: readonly (readonly [string, readonly Task[]])[],
): Map<number, string[]> {
  const inOrder = [...windows].toSorted((a, b) => a - b);
  const found = new Map<number, string[]>(inOrder.map((window) => [window, []]));
  for (const [tenant, tasks] of tenants) {
    const times = waitingTimes(tasks);
    let next = 0;
    for (const window of inOrder) {
      while ((times[next]?.[1] ?? Infinity) < (window + 1) * WINDOW_MS) next += 1;
      if ((times[next]?.[0] ?? Infinity) <= window * WINDOW_MS) found.get(window)?.push(tenant);
    }
  }
  return new Map([...found].filter(([, ids]) => ids.length > 1));
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
