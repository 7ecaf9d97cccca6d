/** What the plan is made for: the lines of all batches that drain, as classes, over the fleet as it stands. Pure. */
import type { Lane } from '@sluice/balancing';
import { shapedClasses } from '@sluice/fairness';
import type { DrainProblem, JobClass } from '@sluice/planning';
import { meanLatency } from './class-cost.ts';
import { namesOf, PLACED } from './class-names.ts';
import type { Naming } from './class-names.ts';
import { placements } from './class-places.ts';
import { answeredWithin } from './due.ts';
import type { PlacesPorts } from './class-places.ts';
import { askerOf, laneOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import { problemOf, withMargin } from './fleet-problem.ts';
import { longestHeld } from './held-tenants.ts';
import type { ShapingOf } from './held-tenants.ts';
import type { LengthsBook } from './lengths-book.ts';
import { addLines, likelyOf, linesOf, waitedMsOf } from './line-group.ts';
import type { LineGroup } from './line-group.ts';
import { linesToCome, paidLines } from './paid-lines.ts';
import type { PaidLines } from './paid-lines.ts';
import { savesMoney } from './saving-pools.ts';

export interface ProblemPorts extends PlacesPorts {
  lengths: Pick<LengthsBook, 'likely'>;
  /** A tenant's own limits; absent = nobody has any. */
  shapingOf?: ShapingOf;
  /** Since when lines of the lane have waited for their first open tier, Unix ms. */
  waitingSince: (lane: Lane) => number;
  now: () => number;
}

/** What the plan asks of a batch. */
type ToPlan = Pick<
  Draining,
  'id' | 'tenant' | 'band' | 'maxTier' | 'expiresAt' | 'classes' | 'fed'
> &
  Partial<Pick<Draining, 'ceiling'>>;

/**
 * The problem, and the name in it of each class of each batch. A deadline that comes after `horizonMs` from
 * now is left out: it would only make more classes.
 */
export function planProblem(
  ports: ProblemPorts,
  batches: readonly ToPlan[],
  horizonMs: number,
): { problem: DrainProblem; names: ReadonlyMap<DrainingClass, string> } {
  const { now: clock, shapingOf = () => null } = ports;
  const now = clock();
  const limited = longestHeld(batches, shapingOf);
  const paid = paidOf(ports, batches);
  const naming = namesOf(batches, {
    horizonAt: now + horizonMs,
    limited: [...limited, ...paid.keys()],
  });
  const groups = groupsOf(ports, batches, { naming, paid, now });
  const classes = shapedClasses(
    [...groups].map(([id, group]) => classOf(ports, id, group)),
    shapingOf,
  ).map((one) => heldByCeiling(one, groups.get(one.id)));
  const problem = problemOf(ports, [...classes, ...placedClasses(ports)], now);
  return { problem: withMargin(ports.fleet, problem), names: naming.names };
}

interface About {
  naming: Naming;
  paid: ReadonlyMap<string, PaidLines>;
  now: number;
}

/** By batch whose ceiling holds it. */
function paidOf(ports: ProblemPorts, batches: readonly ToPlan[]): Map<string, PaidLines> {
  const paid = new Map<string, PaidLines>();
  for (const batch of batches) {
    const lines = paidLines(ports, batch);
    if (lines !== null) paid.set(batch.id, lines);
  }
  return paid;
}

/** A ceiling lets lines through bit by bit, too. */
function heldByCeiling(one: JobClass, group: LineGroup | undefined): JobClass {
  const held = group?.ceiling ?? null;
  if (held === null || held.ms <= (one.shaped?.ms ?? 0)) return one;
  return { ...one, shaped: { ms: held.ms, tenant: held.tenant, limit: 'max_cost_usd' } };
}

/** By name, what is not fed of them and paid for. */
function groupsOf(
  ports: ProblemPorts,
  batches: readonly ToPlan[],
  { naming: { names, apart }, paid, now }: About,
): Map<string, LineGroup> {
  const groups = new Map<string, LineGroup>();
  for (const batch of batches) {
    const { maxTier, expiresAt } = batch;
    const tenant = apart.has(batch.tenant) ? batch.tenant : null;
    const about = { tenant, maxTier, deadlineInMs: answeredWithin(expiresAt - now) };
    const within = paid.get(batch.id) ?? null;
    const isApart = within !== null && apart.has(batch.id);
    for (const one of batch.classes) {
      const left = linesToCome(within, one);
      if (left <= 0) continue;
      const name = names.get(one) as string;
      const likely = ports.lengths.likely(askerOf(batch, one));
      const waitedMs = now - ports.waitingSince(laneOf(batch, one));
      const part = { of: one.of, left, likely, waitedMs };
      const known = groups.get(name);
      if (known) addLines(known, part, about.deadlineInMs);
      else {
        const among = (isApart ? within.classes.get(one)?.among : null) ?? null;
        const ceiling = among && within && { among, ms: within.ms, tenant: batch.tenant };
        groups.set(name, { ...about, ceiling, parts: [part] });
      }
    }
  }
  return groups;
}

/** `tenant`: whose limits hold it. */
function classOf(ports: ProblemPorts, id: string, group: LineGroup) {
  const { tenant, maxTier, deadlineInMs } = group;
  const lines = linesOf(group);
  const how = { maxTier, likely: likelyOf(group), waitedMs: waitedMsOf(group) };
  const jobClass: JobClass = {
    id,
    jobs: lines.jobs,
    deployments: paidPlacesOf(placements(ports, lines, how), group.ceiling),
    deadlineInMs,
    objective: savesMoney(ports.fleet, lines.pool) ? 'cost' : 'time',
  };
  return { jobClass, tenant };
}

/** The places that the ceiling pays for. */
function paidPlacesOf(
  places: JobClass['deployments'],
  ceiling: LineGroup['ceiling'],
): typeof places {
  if (ceiling === null) return places;
  const paid = Object.entries(places).filter(([id]) => ceiling.among.has(id));
  return paid.length > 0 ? Object.fromEntries(paid) : places;
}

/** What stands on the deployments' queues: it will take its part of their limits before anything that is planned now. */
const placedClasses = ({ fleet, picture }: ProblemPorts): JobClass[] =>
  [...fleet.deployments.keys()].flatMap((id) => {
    const jobs = picture.queued(id);
    if (jobs === 0) return [];
    const place = { cost: picture.usualCost([id]), latencyMs: meanLatency(picture, id) };
    return [{ id: `${PLACED}${id}`, jobs, deployments: { [id]: place } }];
  });
