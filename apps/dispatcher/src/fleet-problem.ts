/** Classes of jobs over the fleet's limits as they stand, as a problem for planning. Pure. */
import { PACED_DIMENSIONS, bookedBeyondMs, plannedShare } from '@sluice/budget';
import type { Budget, Fleet } from '@sluice/job';
import { fleetLimits, meanUnits } from '@sluice/planning';
import type { DrainProblem, JobClass } from '@sluice/planning';
import type { Picture } from './picture.ts';

/**
 * The fleet's limits as they stand: as configured, and lower or where nothing is configured as headers and 429s teach them.
 * With full buckets, once the fleet has been looked at. `bookedAt`: less what is booked ahead of them at that time beyond what is
 * usual, Unix ms; null = with nothing under way.
 */
export const problemOf = (
  { fleet, picture }: { fleet: Fleet; picture: Picture },
  classes: JobClass[],
  bookedAt: number | null = null,
): DrainProblem => ({
  classes,
  ...fleetLimits(
    fleet,
    {
      rates: (budget) =>
        PACED_DIMENSIONS.flatMap((dimension) => {
          const limit = picture.limitOf(budget, dimension);
          if (limit === null) return [];
          const perMs = limit / 60_000;
          if (bookedAt === null) return [{ dimension, perMs }];
          const booked = picture.bookedAheadMs(budget, dimension, bookedAt);
          const rate = { perMs, aheadMs: booked };
          const aheadMs = bookedBeyondMs(rate, () => meanUnits(classes, dimension));
          return [{ dimension, perMs, aheadMs }];
        }),
      windows: (budget) => picture.windowsOf(budget),
      concurrency: (id) => picture.callsAtOnce(id),
      full: picture.ready,
    },
    classes,
  ),
});

/** With less of the limits that are met by chance: planned to the full, others would lie idle for as long. */
export const withMargin = ({ budgets }: Fleet, problem: DrainProblem): DrainProblem => ({
  ...problem,
  budgets: problem.budgets.map((budget) => ({
    ...budget,
    rates: budget.rates.map((rate) => ({
      ...rate,
      perMs: rate.perMs * plannedShare(budgets.get(budget.id) as Budget, rate.dimension),
    })),
  })),
});
