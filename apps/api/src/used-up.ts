/** Limits of a deployment that have no room for a call now: it can be placed there, and waits for its turn. */
import type { DeploymentLoad, DimensionLoad } from '@sluice/admission';
import { amountOf, bookedBeyondMs, expectedCost, LONGEST_DEBT_MS } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import type { Deployment, Fleet, Shape } from '@sluice/job';
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
  const longest = longestWait(load.dims, costAt(deployment, load, shape));
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

/**
 * The limit in words that is booked ahead beyond what is usual, as plans reckon with it, and until when: calls before took much of it at
 * once. `shapes`: of what is to be called there, one of which takes so long by itself where a limit is small. Null = none, or nobody knows.
 */
export function spokenFor(
  { deployments }: Pick<Fleet, 'deployments'>,
  load: DeploymentLoad | undefined,
  { id, shapes, now }: { id: string; shapes: readonly Shape[]; now: number },
): string | null {
  const deployment = deployments.get(id);
  if (deployment === undefined || load === undefined) return null;
  const costs = shapes.map((shape) => costAt(deployment, load, shape));
  const beyondMs = ({ dimension, aheadMs, ratePerMs: perMs }: DimensionLoad): number =>
    bookedBeyondMs({ perMs, aheadMs }, () =>
      Math.max(0, ...costs.map((cost) => amountOf(dimension, cost))),
    );
  const [longest] = load.dims
    .filter((dim) => beyondMs(dim) > 0)
    .toSorted((a, b) => b.aheadMs - a.aheadMs);
  if (longest === undefined) return null;
  const { dimension, budget, limit, aheadMs } = longest;
  const until = new Date(now + Math.min(LONGEST_DEBT_MS, aheadMs)).toISOString().slice(0, 19);
  return `limit ${dimension} of budget ${budget} is used up until ${until}Z, by calls before that count for much of it: ${limit} ${PER_MINUTE[dimension]}`;
}

function costAt(deployment: Deployment, load: DeploymentLoad, shape: Shape): Cost {
  const most = shape.maxOutput ?? deployment.defaultMaxTokens;
  const facts = { ...load, ...deployment, meanOutput: load.meanOutput ?? usualOutput(most) };
  return expectedCost(shape, facts);
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
