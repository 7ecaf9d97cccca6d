/** The limits that a provider's headers report, held against those of the config. */
import type { Deployment, Fleet } from '@sluice/job';
import type { LimitReport } from '@sluice/providers';
import { good, warning, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

export function compareLimits(
  fleet: Fleet,
  deployment: Deployment,
  reports: readonly LimitReport[],
): Finding[] {
  const about = `deployments.${deployment.id}`;
  if (reports.length === 0)
    return [good(about, 'its headers report no limits; yours stand, and 429s teach the rest')];
  return reports.map((one) => compareOne(about, one, tightest(fleet, deployment, one.dimension)));
}

/** Of all budgets that a call draws on. */
function tightest(
  fleet: Fleet,
  { budgets }: Deployment,
  dimension: LimitReport['dimension'],
): number | null {
  const limits = budgets.flatMap((id) => fleet.budgets.get(id)?.limits[dimension] ?? []);
  return limits.length === 0 ? null : Math.min(...limits);
}

function compareOne(
  about: string,
  { dimension, limit }: LimitReport,
  yours: number | null,
): Finding {
  if (yours === null) {
    const says = `its headers report ${dimension} ${limit}; you have none`;
    return warning(
      about,
      says,
      `set limits.${dimension}: ${limit}, to keep to it from the first call`,
    );
  }
  const both = `${dimension} ${yours} in your config, ${limit} by its headers`;
  if (yours > limit)
    return wrong(
      about,
      both,
      `lower limits.${dimension} to ${limit}: more would be answered with 429`,
    );
  if (yours < limit) {
    const advice = `raise limits.${dimension} to ${limit}, unless you leave the rest to others on purpose`;
    return warning(about, both, advice);
  }
  return good(about, `${dimension} ${yours}, as its headers report`);
}
