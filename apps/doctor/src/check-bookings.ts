/** What answers have taught of each deployment so far: whether it books far more than its answers have. */
import { Admission } from '@sluice/admission';
import type { DeploymentLoad } from '@sluice/admission';
import { adviseCap, capWords } from '@sluice/budget';
import { connectRedis } from '@sluice/ledger';
import { setsMaximum } from '@sluice/job';
import type { Deployment, Fleet } from '@sluice/job';
import { warning } from './finding.ts';
import type { Finding } from './finding.ts';

interface Where {
  redisUrl: string | null;
  prefix: string;
  fleet: Fleet;
}

/** Nothing where Redis cannot be asked: that is told by another. */
export async function checkBookings({ redisUrl, prefix, fleet }: Where): Promise<Finding[]> {
  if (redisUrl === null) return [];
  const redis = connectRedis(redisUrl, 'serving');
  const admission = new Admission({ redis, prefix, fleet });
  try {
    return findingsOf(fleet, await admission.read());
  } catch {
    return [];
  } finally {
    admission.close();
    redis.disconnect();
  }
}

/** One for each entry of the config. */
function findingsOf({ deployments }: Fleet, loads: ReadonlyMap<string, DeploymentLoad>): Finding[] {
  const told = new Map<string, Finding>();
  for (const [id, load] of loads) {
    const deployment = deployments.get(id);
    const found = deployment && bookingFinding(deployment, load);
    if (found && !told.has(deployment.name)) told.set(deployment.name, found);
  }
  return [...told.values()];
}

function bookingFinding(
  deployment: Deployment,
  { usualCall: booked, ok: answers, meanOutput, dims: limits }: DeploymentLoad,
): Finding | null {
  const { id, name, accounting, defaultMaxTokens } = deployment;
  const isCapped = setsMaximum(deployment);
  const facts = { accounting, defaultMaxTokens, isCapped, booked, answers, meanOutput, limits };
  const advice = adviseCap(facts);
  if (advice === null) return null;
  const todo = `set output_cap: ${advice.cap} on deployments.${name}, or higher if longer answers are wanted`;
  return warning(`deployments.${id}`, capWords(id, advice), todo);
}
