/** What one batch has waiting and its ceiling pays for, with the whole fleet to itself, as a problem for planning. Pure. */
import type { DrainProblem, JobClass } from '@sluice/planning';
import { partsOf } from './class-parts.ts';
import { placements } from './class-places.ts';
import { askerOf, laneOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { problemOf, withMargin } from './fleet-problem.ts';
import { linesToCome, paidLines } from './paid-lines.ts';
import type { ProblemPorts } from './plan-problem.ts';

export function aloneProblem(ports: ProblemPorts, batch: Draining): DrainProblem {
  const { maxTier } = batch;
  const paid = paidLines(ports, batch);
  const classes = batch.classes.flatMap((one) => {
    const likely = ports.lengths.likely(askerOf(batch, one));
    const waitedMs = ports.now() - ports.waitingSince(laneOf(batch, one));
    return partsOf(ports, one.of).map(({ share, arm }): JobClass => {
      const deployments = placements(ports, one.of, { maxTier, likely, arm, waitedMs });
      return { id: [one.index, arm].join(' '), jobs: share * linesToCome(paid, one), deployments };
    });
  });
  return withMargin(ports.fleet, problemOf(ports, classes, ports.now()));
}
