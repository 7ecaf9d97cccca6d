/** What jobs cost that were placed on a deployment: a decaying mean, and the mean of several such. Pure. */
import type { Cost } from '@sluice/budget';

/** Weight of a new placement in the mean cost. */
const LEARNING = 0.1;

/** With one more placement; null = it is the first. */
export const costAfter = (mean: Cost | null, cost: Cost): Cost =>
  mean === null
    ? cost
    : {
        requests: 1,
        input: mean.input + LEARNING * (cost.input - mean.input),
        output: mean.output + LEARNING * (cost.output - mean.output),
        usd: mean.usd + LEARNING * (cost.usd - mean.usd),
      };

/** One request of no tokens where there is none. */
export function meanOfCosts(costs: readonly Cost[]): Cost {
  const mean = (read: (cost: Cost) => number): number =>
    costs.reduce((sum, cost) => sum + read(cost), 0) / Math.max(1, costs.length);
  return {
    requests: 1,
    input: mean((c) => c.input),
    output: mean((c) => c.output),
    usd: mean((c) => c.usd),
  };
}
