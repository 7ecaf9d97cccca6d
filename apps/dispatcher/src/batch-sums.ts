/** What recorded attempts used: for a batch's counters and for usage. Pure. */
import type { Fleet } from '@sluice/job';
import type { CallSums, LinesEntry, OutcomeMeta } from '@sluice/ledger';

type Sums = CallSums & Pick<LinesEntry, 'byDeployment'>;

/** Usage and cost of every attempt, also of those that failed and are tried again: they were paid for. What a call without an answer cost, nobody knows. */
export function sumsOf(fleet: Fleet, metas: readonly OutcomeMeta[]): Sums {
  const sums: Sums = {
    attempts: metas.length,
    failedAttempts: 0,
    usage: { input: 0, cached: 0, output: 0, reasoning: 0 },
    costUsd: 0,
    unpriced: 0,
    unanswered: 0,
    byDeployment: {},
  };
  for (const { usage, costUsd, deployment, outcome, statusCode } of metas) {
    if (usage) {
      sums.usage.input += usage.input_tokens;
      sums.usage.cached += usage.cached_tokens;
      sums.usage.output += usage.output_tokens;
      sums.usage.reasoning += usage.reasoning_tokens;
    }
    if (costUsd !== null) sums.costUsd += costUsd;
    else if (statusCode === null && fleet.deployments.get(deployment)?.price) sums.unanswered += 1;
    else sums.unpriced += 1;
    if (outcome === 'ok') sums.byDeployment[deployment] = (sums.byDeployment[deployment] ?? 0) + 1;
    else sums.failedAttempts += 1;
  }
  return sums;
}
