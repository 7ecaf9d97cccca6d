/** What one batch has waiting, with the whole fleet to itself, as a problem for planning. Pure. */
import type { DrainProblem, JobClass } from '@sluice/planning';
import { partsOf } from './class-parts.ts';
import { placements } from './class-places.ts';
import { askerOf, laneOf, unfedOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { problemOf, withMargin } from './fleet-problem.ts';
import type { ProblemPorts } from './plan-problem.ts';

export function aloneProblem(ports: ProblemPorts, batch: Draining): DrainProblem {
  const { maxTier } = batch;
  const classes = batch.classes.flatMap((one) => {
    const likely = ports.lengths.likely(askerOf(batch, one));
    const waitedMs = ports.now() - ports.waitingSince(laneOf(batch, one));
    return partsOf(ports, one.of).map(({ share, arm }): JobClass => {
      const deployments = placements(ports, one.of, { maxTier, likely, arm, waitedMs });
      return { id: [one.index, arm].join(' '), jobs: share * unfedOf(one), deployments };
    });
  });
  return withMargin(ports.fleet, problemOf(ports, classes));
}
