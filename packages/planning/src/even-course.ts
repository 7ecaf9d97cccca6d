/**
 * The course when there is nothing but time to save: every class at a steady rate until it ends.
 *
 * The least time for all is set by some of the classes only, those whose jobs cost time (their price is above 0). They
 * keep their rates, and the others get the least time that what is left of the limits allows; and so on. So a class
 * that shares nothing scarce with the slowest one has an end of its own, and its jobs are not spread at random.
 *
 * Classes that their tenants' own limits would hold beyond that time go at the pace of these limits (paced-round.ts).
 */
import type { Course, CourseResult } from './course.ts';
import { type Arc, type Limit, type Limits, opensMs } from './limits.ts';
import { lastShares, pacedRound, type Round } from './paced-round.ts';
import { withoutCrumbs } from './tidy-course.ts';

/** After this many rounds what is left ends together: each costs a solve and gains less than the one before. */
const MOST_ROUNDS = 4;
/** Every class must have a place that can run it. */
export async function evenCourse(limits: Limits): Promise<CourseResult> {
  const first = await pacedRound(limits);
  if (first.kind === 'failed') return first;
  const course: Course = {
    limits,
    idealMs: Math.max(limits.leastMs, first.round.plainMs) + limits.shortestMs,
    fleetMs: first.round.plainMs + limits.shortestMs,
    endMs: first.round.waitMs,
    steps: limits.arcs.map(() => []),
    worth: limits.limits.map(() => ({ price: 0, rateSavesMs: 0, rateSavesUsd: 0 })),
  };
  const places: Places = {
    arcs: new Map(limits.arcs.map((arc, index) => [arc, index])),
    limits: new Map(limits.limits.map(({ budget, dimension }, i) => [`${budget} ${dimension}`, i])),
  };
  let { round } = first;
  for (let rounds = 1; ; rounds += 1) {
    record(course, round, places);
    if (rounds === MOST_ROUNDS || round.settled.size === 0) break;
    const left = leftBeside(round);
    const next = left.arcs.length > 0 ? await pacedRound(left) : null;
    // What failed for rounding keeps what the round before gave it, where all of it fits: so does what rounding would delay,
    // where the others have left next to nothing of a limit.
    if (next?.kind !== 'solved' || next.round.waitMs > round.waitMs) break;
    round = next.round;
  }
  return { kind: 'solved', course: withoutCrumbs(course) };
}

/** Where the arcs and limits of later rounds stand in the first. */
interface Places {
  arcs: Map<Arc, number>;
  limits: Map<string, number>;
}

/** Writes the round over what the rounds before said of the same classes. */
function record(course: Course, round: Round, places: Places): void {
  const { limits, waitMs, prices } = round;
  const shares = lastShares(round);
  for (const [index, arc] of limits.arcs.entries()) {
    const { jobs, shaped } = arc.jobClass;
    const share = shares[index] as number;
    const untilMs = round.paced.has(arc.jobClass.id) ? (shaped?.ms ?? waitMs) : waitMs;
    course.steps[places.arcs.get(arc) as number] =
      share > 0 ? [{ fromMs: Math.min(arc.fromMs, untilMs), untilMs, jobs: share * jobs }] : [];
  }
  for (const [index, { budget, dimension }] of limits.limits.entries()) {
    const price = prices[index] as number;
    const worth = course.worth[places.limits.get(`${budget} ${dimension}`) as number];
    if (worth && worth.price === 0 && price > 0) {
      worth.price = price;
      const openMs = waitMs - opensMs(limits.limits[index] as Limit);
      worth.rateSavesMs = price * Math.max(0, openMs);
    }
  }
}

/** The classes that are not settled, and the limits less what the settled ones take of them. */
function leftBeside(round: Round): Limits {
  const arcs: Arc[] = [];
  const moved = round.limits.arcs.map((arc) =>
    round.settled.has(arc.jobClass.id) ? -1 : arcs.push(arc) - 1,
  );
  const limits = round.limits.limits
    .map((limit) => lessSettled(round, limit, moved))
    .filter(({ uses }) => uses.length > 0);
  return { ...round.limits, arcs, limits };
}

/** What is taken beyond the rate comes out of the start; both hold at any time before the end of the round, too. */
function lessSettled(
  { limits, waitMs, shares }: Round,
  limit: Limit,
  moved: readonly number[],
): Limit {
  let taken = 0;
  const uses: Limit['uses'] = [];
  for (const { arc, perJob } of limit.uses) {
    const to = moved[arc] as number;
    if (to >= 0) uses.push({ arc: to, perJob });
    else taken += perJob * (shares[arc] as number) * (limits.arcs[arc] as Arc).jobClass.jobs;
  }
  if (taken === 0) return { ...limit, uses };
  const fromMs = opensMs(limit);
  if (fromMs > 0) {
    const perMs = waitMs > fromMs ? Math.max(0, limit.perMs - taken / (waitMs - fromMs)) : 0;
    return { ...limit, uses, perMs, start: -perMs * fromMs };
  }
  const rate = waitMs > 0 ? limit.perMs - taken / waitMs : 0;
  const missing = Math.max(0, taken - limit.perMs * waitMs);
  return { ...limit, uses, perMs: Math.max(0, rate), start: Math.max(0, limit.start - missing) };
}
