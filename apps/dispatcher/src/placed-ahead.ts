/** What is placed on deployments that draw on a budget and is not booked of it yet. Pure. */
import type { Cost } from '@sluice/budget';
import { queuedOf } from './deployment-view.ts';
import type { View } from './deployment-view.ts';

/** What it costs together, each deployment's at the mean of what it was given lately. */
export function placedOn(drawers: readonly View[]): Cost {
  const sum = { requests: 0, input: 0, output: 0, usd: 0 };
  for (const view of drawers) {
    const { meanCost } = view;
    if (meanCost === null) continue;
    const jobs = queuedOf(view);
    sum.requests += jobs * meanCost.requests;
    sum.input += jobs * meanCost.input;
    sum.output += jobs * meanCost.output;
    sum.usd += jobs * meanCost.usd;
  }
  return sum;
}

/** Jobs that are placed on them and not taken yet. */
export function queuedOn(drawers: readonly View[]): number {
  let queued = 0;
  for (const view of drawers) queued += queuedOf(view);
  return queued;
}

/** Calls at once that are in use. Permits are leases, which lapse; counting calls would keep those of a crashed worker for ever. */
export function slotsUsed(drawers: readonly View[], budget: string): number {
  let used = 0;
  for (const { load } of drawers) {
    if (load.concurrency?.budget === budget) used = load.concurrency.used;
    used = Math.max(used, load.slots.find((slots) => slots.budget === budget)?.used ?? 0);
  }
  return used;
}
