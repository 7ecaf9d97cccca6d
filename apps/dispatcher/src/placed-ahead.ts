/** What is placed on all deployments that draw on a budget and is not booked of it yet. Pure. */
import { msOf } from '@sluice/balancing';
import type { Rate } from '@sluice/balancing';
import { amountOf } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import type { WindowLoad } from '@sluice/admission';
import { queuedOf } from './deployment-view.ts';
import type { Views } from './deployment-view.ts';

/** In ms of the rate. */
export const placedMs = (views: Views, rate: Rate): number =>
  sumOf(views, rate.budget, (cost) => msOf(cost, rate));

/** Of a limit per day or month. */
export const placedAmount = (
  views: Views,
  { budget, dimension }: Pick<WindowLoad, 'budget' | 'dimension'>,
): number => sumOf(views, budget, (cost) => amountOf(dimension, cost));

function sumOf(views: Views, budget: string, each: (meanCost: Cost) => number): number {
  let sum = 0;
  for (const view of views.values())
    if (view.meanCost !== null && view.deployment.budgets.includes(budget))
      sum += queuedOf(view) * each(view.meanCost);
  return sum;
}
