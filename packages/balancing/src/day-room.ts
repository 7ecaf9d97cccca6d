/**
 * What limits per day and month make of placement: who has too little left of its day for a job is passed over, and a deployment of
 * which nothing fits of all that waits for it counts as used up: nobody waits for it, and no plan reckons with it. Pure.
 */
import type { Candidate } from './candidate.ts';
import type { Choice } from './choose.ts';

/** One kind of work that waits. */
export interface Waits {
  /** Where it may go. */
  members: readonly string[];
  /** Whether one of them has enough left of its day for it. */
  fits: (deployment: string) => boolean;
}

/** Of those deployments for which anything waits, whether some of it fits. */
export function fitting(
  deployments: readonly string[],
  waits: Iterable<Waits>,
): Map<string, boolean> {
  const found = new Map<string, boolean>();
  const open = new Set(deployments);
  if (open.size === 0) return found;
  for (const { members, fits } of waits) {
    for (const id of members) {
      if (!open.has(id)) continue;
      found.set(id, fits(id));
      if (found.get(id)) open.delete(id);
    }
    if (open.size === 0) break;
  }
  return found;
}

/** How many jobs fit into a deployment's day, where that limits them at all. */
export type DayRoom = ReadonlyMap<string, number>;

/**
 * A deployment whose day has too little left for a job is to that job as one that is paused: it is not waited for. `shunned`: one that
 * has just had too little left for it; null = none.
 */
export function withoutUsedUp(
  all: readonly Candidate[],
  days: DayRoom,
  shunned: string | null,
): readonly Candidate[] {
  if (days.size === 0 && shunned === null) return all;
  const isShort = (id: string): boolean => id === shunned || (days.get(id) ?? Infinity) < 1;
  if (!all.some(({ id }) => isShort(id))) return all;
  return all.map((one) => {
    const usable = one.state === 'active' || one.state === 'half_open';
    return usable && isShort(one.id) ? { ...one, state: 'paused' } : one;
  });
}

/** No more of them together than its day has left. */
export function withinDay<Some extends Choice>(choice: Some, days: DayRoom): Some {
  if (choice.kind !== 'place') return choice;
  const jobs = days.get(choice.deployment) ?? Infinity;
  return choice.jobs <= jobs ? choice : { ...choice, jobs };
}
