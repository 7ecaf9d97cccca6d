/** Limits of a deployment that have no room for a call now: it can be placed there, and waits for its turn. */
import type { DeploymentLoad, DimensionLoad } from '@sluice/admission';
import { amountOf, expectedCost } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import type { Fleet, Shape } from '@sluice/job';
import { usualOutput } from '@sluice/prediction';

const PER_MINUTE = {
  rpm: 'requests per minute',
  tpm: 'tokens per minute',
  itpm: 'input tokens per minute',
  otpm: 'output tokens per minute',
} as const;

/** The limit in words that a call of this shape waits for longest; null = none, or nobody knows. */
export function usedUp(
  { deployments }: Pick<Fleet, 'deployments'>,
  load: DeploymentLoad | undefined,
  { id, shape }: { id: string; shape: Shape },
): string | null {
  const deployment = deployments.get(id);
  if (deployment === undefined || load === undefined) return null;
  const most = shape.maxOutput ?? deployment.defaultMaxTokens;
  const facts = { ...load, ...deployment, meanOutput: load.meanOutput ?? usualOutput(most) };
  const longest = longestWait(load.dims, expectedCost(shape, facts));
  if (longest !== null) {
    const { dimension, budget, limit } = longest;
    return `limit ${dimension} of budget ${budget} is used up: ${limit} ${PER_MINUTE[dimension]}`;
  }
  const full = [...(load.concurrency ? [load.concurrency] : []), ...slotsIn(load)].find(
    ({ limit, used }) => used >= limit,
  );
  if (full === undefined) return null;
  const all = full.limit === 1 ? 'the one call' : `all ${full.limit} calls`;
  return `limit concurrency of budget ${full.budget} is used up: ${all} at once that it allows`;
}

const slotsIn = ({ slots }: DeploymentLoad) =>
  slots.map(({ budget, size, used }) => ({ budget, limit: Math.floor(size), used }));

function longestWait(dims: readonly DimensionLoad[], cost: Cost): DimensionLoad | null {
  let longest: DimensionLoad | null = null;
  let waitMs = 0;
  for (const dim of dims) {
    // What is more than may start at once starts from a full bucket.
    const eachMs = Math.min(dim.burstMs, amountOf(dim.dimension, cost) / dim.ratePerMs);
    const ms = dim.aheadMs + eachMs - dim.burstMs;
    if (ms > waitMs + ROUNDING_MS) [longest, waitMs] = [dim, ms];
  }
  return longest;
}

const ROUNDING_MS = 1;
