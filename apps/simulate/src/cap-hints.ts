/** Where a maximum in the requests, or `output_cap`, would let much more through, if answers are short. Pure. */
import { adviseUnlearntCap, capWords, PACED_DIMENSIONS } from '@sluice/budget';
import { setsMaximum } from '@sluice/job';
import type { Deployment, Fleet } from '@sluice/job';
import type { Job } from '@sluice/simulation';
import { membersIn } from './read-batch.ts';

/** One in the config may be many deployments; more sentences than this are not read. */
const MOST_NAMED = 3;

/** For pools whose requests mostly set no maximum; one sentence for each entry of the config. */
export function capHints(fleet: Fleet, jobs: readonly Job[]): string[] {
  const told = new Map<string, string>();
  for (const [pool, { requests, unset, inputTokens }] of sumsOf(jobs)) {
    if (unset * 2 < requests) continue;
    for (const deployment of membersIn(fleet, pool)) {
      const says = hintFor(fleet, deployment, inputTokens / requests);
      if (says !== null && !told.has(deployment.name)) told.set(deployment.name, says);
    }
  }
  return [...told.values()].slice(0, MOST_NAMED);
}

interface Sums {
  requests: number;
  /** Those that set no maximum. */
  unset: number;
  inputTokens: number;
}

function sumsOf(jobs: readonly Job[]): Map<string, Sums> {
  const pools = new Map<string, Sums>();
  for (const { pool, maxOutput, inputTokens } of jobs) {
    const sums = pools.get(pool) ?? { requests: 0, unset: 0, inputTokens: 0 };
    sums.requests += 1;
    sums.unset += maxOutput === null ? 1 : 0;
    sums.inputTokens += inputTokens;
    pools.set(pool, sums);
  }
  return pools;
}

/** `input`: tokens of a request, in the mean. */
function hintFor(fleet: Fleet, deployment: Deployment, input: number): string | null {
  const { name, accounting, defaultMaxTokens, budgets } = deployment;
  const limits = budgets.flatMap((id) =>
    PACED_DIMENSIONS.flatMap((dimension) => {
      const limit = fleet.budgets.get(id)?.limits[dimension];
      return limit === undefined ? [] : [{ dimension, limit }];
    }),
  );
  const advice = adviseUnlearntCap({
    accounting,
    defaultMaxTokens,
    isCapped: setsMaximum(deployment),
    booked: { input, output: defaultMaxTokens * accounting.outputMultiplier },
    answers: 0,
    meanOutput: null,
    limits,
  });
  return advice && capWords(name, advice);
}
