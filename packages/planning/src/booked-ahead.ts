/**
 * How far a limit is booked ahead beyond what is usual. At full speed every limit always is: by what may start at once, and by the
 * call that started last. That takes nothing from what comes. What counts is what is more: calls that took much of it at once, as
 * with a large maximum that stays charged, and a pause that a provider asked for. Pure.
 */
import type { RateDimension } from '@sluice/job';
import { unitsOf } from './problem.ts';
import type { JobClass } from './problem.ts';

/** What may start at once, and as much again for what is placed ahead and when it was looked at, ms. */
const USUALLY_AHEAD_MS = 2_000;

interface Booked {
  dimension: RateDimension;
  perMs: number;
  aheadMs?: number;
}

/** `aheadMs` of a planned rate, ms; empty = no more than usual for these jobs. */
export function aheadOf(
  { dimension, perMs, aheadMs = 0 }: Booked,
  classes: readonly JobClass[],
): { aheadMs?: number } {
  if (aheadMs <= USUALLY_AHEAD_MS || perMs <= 0) return {};
  const beyond = aheadMs - Math.max(USUALLY_AHEAD_MS, meanUnits(classes, dimension) / perMs);
  return beyond > 0 ? { aheadMs: beyond } : {};
}

/** Of one job in the mean, wherever it may go. */
function meanUnits(classes: readonly JobClass[], dimension: RateDimension): number {
  let [units, all] = [0, 0];
  for (const { jobs, deployments } of classes) {
    const each = Object.values(deployments).map(({ cost }) => unitsOf(cost, dimension));
    if (each.length === 0) continue;
    units += (jobs * each.reduce((sum, one) => sum + one, 0)) / each.length;
    all += jobs;
  }
  return all > 0 ? units / all : 0;
}
