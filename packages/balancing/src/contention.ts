/**
 * How deep work is placed while single jobs come: what is placed can no longer be overtaken by its own band, so whoever
 * comes next waits that long at least. A second's depth is right for batches alone; beside single jobs it is too much.
 *
 * Interactive jobs overtake the others on the queue and may use the budgets' burst: as far ahead as that reaches, each of
 * them starts at once, and the next one too. Held back sooner they would wait for batch that was placed before them; placed
 * further, one tenant's would keep off another's.
 */
import type { Priority } from '@sluice/job';
import type { Depth } from './room.ts';

/** Until when single jobs count as coming, ms on the caller's clock. */
export interface Contention {
  /** Since when they have come without a longer break. */
  from: number;
  /** Jobs of any priority. */
  until: number;
  /** Jobs that batch work cannot be overtaken by. */
  slowUntil: number;
}

export const NO_CONTENTION: Contention = {
  from: Number.NEGATIVE_INFINITY,
  until: Number.NEGATIVE_INFINITY,
  slowUntil: Number.NEGATIVE_INFINITY,
};

/** Ms of rate; and for how long after the last single job they count as coming. */
const CONTENDED = {
  /** While jobs come that wait for what batches have placed. */
  depthMs: 60,
  /** While only interactive ones come: more, so that a look at the fleet that comes late leaves nothing unused. */
  besideInteractiveMs: 150,
  /** Interactive jobs so much deeper: as far as the budgets' burst reaches. */
  interactiveMs: 500,
  forMs: 10_000,
} as const;

/** A single job of that priority waits for its turn. */
export function contendedBy(before: Contention, priority: Priority, now: number): Contention {
  const until = now + CONTENDED.forMs;
  return {
    from: now < before.until ? before.from : now,
    until,
    slowUntil: priority === 'interactive' ? before.slowUntil : until,
  };
}

/**
 * The depth as it is now. What was placed before the first of them came drains meanwhile, and holds no interactive job up.
 * `pickUpMs`: how long placed work takes until it is taken (pick-up.ts): deeper by that, for so long it lies there anyway.
 */
export function depthNow(
  depth: Depth,
  { from, until, slowUntil }: Contention,
  now: number,
  pickUpMs = 0,
): Depth {
  if (now >= until) return depth;
  const least = now < slowUntil ? CONTENDED.depthMs : CONTENDED.besideInteractiveMs;
  const depthMs = Math.min(depth.depthMs, least + pickUpMs);
  const drainingMs = Math.max(0, depth.depthMs - depthMs - (now - from));
  return { ...depth, depthMs, interactiveMs: depthMs + drainingMs + CONTENDED.interactiveMs };
}
