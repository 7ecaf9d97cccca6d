/**
 * What the plan is made for: the lines of all batches that drain, as classes, over the fleet as it stands. Lines of one pool,
 * wire formats, size and last tier are one class, whatever batch they belong to, and whatever tenant but one with limits of its
 * own. Pure.
 */
import { sharesOf, strategyFor, tiersFor } from '@sluice/balancing';
import type { Lane } from '@sluice/balancing';
import { PACED_DIMENSIONS, plannedShare } from '@sluice/budget';
import type { Cost, Outsized } from '@sluice/budget';
import { pricesCountedAs, tiersOf } from '@sluice/job';
import type { Budget, Fleet, Shape } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';
import { shapedClasses } from '@sluice/fairness';
import { fleetLimits, placesOf } from '@sluice/planning';
import type { DrainProblem, JobClass } from '@sluice/planning';
import { askerOf, laneOf, unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';
import type { LengthsBook, Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { longestHeld } from './held-tenants.ts';
import type { ShapingOf } from './held-tenants.ts';

export interface ProblemPorts {
  fleet: Fleet;
  picture: Picture;
  lengths: Pick<LengthsBook, 'likely'>;
  /** Deployments of the pool whose wire format can say it; null = all. */
  eligible: (pool: string, formats: number) => ReadonlySet<string> | null;
  usable: (deployment: string) => boolean;
  /** A tenant's own limits; absent = nobody has any. */
  shapingOf?: ShapingOf;
  /** Since when lines of the lane have waited for their first open tier, Unix ms. */
  waitingSince: (lane: Lane) => number;
  now: () => number;
}

/** More classes take longer than the loop can spare. */
const MOST_CLASSES = 60;

/** Whether lines of this pool are to be cheap rather than soon. */
export const savesMoney = (fleet: Fleet, pool: string): boolean =>
  withinPercentOf(fleet, pool) !== null;

/** How much dearer than the cheapest still counts as equally cheap, %; null = lines of this pool are to be soon rather than cheap. */
function withinPercentOf({ pools }: Fleet, id: string): number | null {
  const pool = pools.get(id);
  return (pool && strategyFor(pool.strategy)?.withinPercent) ?? null;
}

/** What the plan asks of a batch. */
type ToPlan = Pick<Draining, 'id' | 'tenant' | 'band' | 'maxTier' | 'expiresAt' | 'classes'>;

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
  const { names, apart } = namesOf(batches, {
    horizonAt: now + horizonMs,
    limited: longestHeld(batches, shapingOf),
  });
  const groups = new Map<string, Group>();
  for (const batch of batches) {
    for (const one of batch.classes) {
      const left = unfedOf(one);
      if (left <= 0) continue;
      const name = names.get(one) as string;
      const known = groups.get(name) ?? newGroup(batch, one.of, { now, apart });
      const likely = ports.lengths.likely(askerOf(batch, one));
      const waitedMs = now - ports.waitingSince(laneOf(batch, one));
      groups.set(name, withLines(known, { of: one.of, left, likely, waitedMs }));
    }
  }
  const classes = shapedClasses(
    [...groups].map(([id, group]) => ({
      jobClass: jobClassOf(ports, id, group),
      tenant: group.tenant,
    })),
    shapingOf,
  );
  const problem = problemOf(ports, [...classes, ...placedClasses(ports)]);
  return { problem: withMargin(ports.fleet, problem), names };
}

/** What one batch has waiting, with the whole fleet to itself. */
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

interface Naming {
  names: Map<DrainingClass, string>;
  /** Tenants whose lines are classes of their own. */
  apart: ReadonlySet<string>;
}

/**
 * Distinct deadlines make classes of their own as long as there are few enough, and so do `limited` tenants, those in front
 * rather than the others.
 */
function namesOf(
  batches: readonly ToPlan[],
  { horizonAt, limited }: { horizonAt: number; limited: readonly string[] },
): Naming {
  for (const dueBefore of [horizonAt, -Infinity])
    for (let count = limited.length; ; count = Math.floor(count / 2)) {
      const apart = new Set(limited.slice(0, count));
      const names = namesBy(batches, { dueBefore, apart });
      const few = new Set(names.values()).size <= MOST_CLASSES;
      if (few || (count === 0 && dueBefore === -Infinity)) return { names, apart };
      if (count === 0) break;
    }
  return { names: new Map(), apart: new Set() };
}

const namesBy = (
  batches: readonly ToPlan[],
  { dueBefore, apart }: { dueBefore: number; apart: ReadonlySet<string> },
): Naming['names'] =>
  new Map(
    batches.flatMap(({ maxTier, expiresAt, tenant, classes }) => {
      const tier = maxTier === null ? '' : ` tier ${maxTier}`;
      const due = expiresAt < dueBefore ? ` by ${expiresAt}` : '';
      const whose = apart.has(tenant) ? ` of ${tenant}` : '';
      return classes.map((one) => {
        const { pool, formats, shape } = one.of;
        return [one, `${pool} ${formats} ${shape}${tier}${due}${whose}`] as const;
      });
    }),
  );

/** The pool of a class by its name in the problem. */
export const poolOfClass = (name: string): string => name.slice(0, name.indexOf(' '));

interface Group {
  lines: BatchClass;
  /** Whose limits hold them; null = nobody's. */
  tenant: string | null;
  maxTier: number | null;
  deadlineInMs: number;
  likely: Likely;
  /** For the first tier, of those of them that have waited longest. */
  waitedMs: number;
}

const newGroup = (
  { tenant, maxTier, expiresAt }: ToPlan,
  lines: BatchClass,
  { now, apart }: { now: number; apart: Naming['apart'] },
): Group => ({
  tenant: apart.has(tenant) ? tenant : null,
  lines: { ...lines, jobs: 0, characters: 0, maxOutput: 0, unsetOutput: 0 },
  maxTier,
  deadlineInMs: Math.max(0, expiresAt - now),
  likely: NOTHING_KNOWN,
  waitedMs: 0,
});

/** So many more lines, of the mean size of their class. */
function withLines(
  { lines, likely: before, ...group }: Group,
  more: { of: BatchClass; left: number; likely: Likely; waitedMs: number },
): Group {
  const { of, left, likely } = more;
  const share = left / Math.max(1, of.jobs);
  return {
    ...group,
    waitedMs: Math.max(group.waitedMs, more.waitedMs),
    likely: lines.jobs === 0 ? likely : mixed([before, lines.jobs], [likely, left]),
    lines: {
      ...lines,
      jobs: lines.jobs + left,
      characters: lines.characters + of.characters * share,
      maxOutput: lines.maxOutput + of.maxOutput * share,
      unsetOutput: lines.unsetOutput + of.unsetOutput * share,
    },
  };
}

/** Of so many lines of the one and so many of the other. */
function mixed([a, n]: [Likely, number], [b, m]: [Likely, number]): Likely {
  const mean = (x: number, y: number): number => (n * x + m * y) / (n + m);
  return {
    certainty: mean(a.certainty, b.certainty),
    mean: (otherwise) => mean(a.mean(otherwise), b.mean(otherwise)),
  };
}

const jobClassOf = (
  ports: ProblemPorts,
  id: string,
  { lines, maxTier, deadlineInMs, likely, waitedMs }: Group,
): JobClass => ({
  id,
  jobs: lines.jobs,
  deployments: placements(ports, lines, { maxTier, likely, waitedMs }),
  deadlineInMs,
  objective: savesMoney(ports.fleet, lines.pool) ? 'cost' : 'time',
});

/** What ids of the classes of placed work begin with. */
export const PLACED = 'placed on ';

/** What stands on the deployments' queues: it will take its part of their limits before anything that is planned now. */
const placedClasses = ({ fleet, picture }: ProblemPorts): JobClass[] =>
  [...fleet.deployments.keys()].flatMap((id) => {
    const jobs = picture.queued(id);
    if (jobs === 0) return [];
    const place = { cost: picture.usualCost([id]), latencyMs: meanLatency(picture, id) };
    return [{ id: `${PLACED}${id}`, jobs, deployments: { [id]: place } }];
  });

const meanLatency = (picture: Picture, id: string): number => picture.load(id)?.meanLatencyMs ?? 0;

/** Lines of a class that are kept to one arm; all of them, and no arm, where its pool keeps them to none. */
interface Part {
  /** Of the lines of the class, 0 to 1. */
  share: number;
  arm: string | null;
}

export function partsOf(
  { fleet, eligible }: Pick<ProblemPorts, 'fleet' | 'eligible'>,
  { pool: id, formats }: Pick<BatchClass, 'pool' | 'formats'>,
): Part[] {
  const pool = fleet.pools.get(id);
  const shares = pool ? sharesOf(pool, eligible(id, formats)) : null;
  return shares === null
    ? [{ share: 1, arm: null }]
    : [...shares].map(([arm, share]) => ({ share, arm }));
}

interface Lines {
  maxTier: number | null;
  likely?: Likely;
  arm?: string | null;
  waitedMs?: number;
}

/**
 * Those of the first tier in which somebody takes calls and has something left of its day, and of later ones where they count
 * (planning's placesOf); where nobody does, of the first. None that a line is too large for: when these are done nobody can say. Who saves money gets no later tier by plan, which would use it where it
 * is the cheaper.
 */
export function placements(
  ports: PlacementPorts,
  lines: BatchClass,
  how: Lines,
): JobClass['deployments'] {
  const { fleet, picture } = ports;
  const { pool, first, open, of } = tiersFitFor(ports, lines, how);
  const placesIn = (tier: readonly string[]) =>
    placesOn(
      ports,
      tier.filter((id) => !outsizedAt(picture, id, of)),
      of,
    );
  const spillAfterMs = savesMoney(fleet, lines.pool) ? null : (pool?.spillAfterMs ?? null);
  if (spillAfterMs === null || open.length < 2) return placesIn(first);
  const limits = (): DrainProblem => problemOf(ports, []);
  return placesOf(open.map(placesIn), { spillAfterMs, waitedMs: how.waitedMs ?? 0, limits });
}

/** The same of the first tier alone, with those that lines are too large for: what they would take if these let them through. */
export function placesWanted(
  ports: PlacementPorts,
  lines: BatchClass,
  how: Lines,
): JobClass['deployments'] {
  const { first, of } = tiersFitFor(ports, lines, how);
  return placesOn(ports, first, of);
}

type PlacementPorts = Pick<ProblemPorts, 'fleet' | 'picture' | 'eligible' | 'usable'>;

/** `open`: of each tier those that take calls now, tiers without any left out. `first`: the first of these, or else all of the first tier. */
function tiersFitFor(
  { fleet, picture, eligible, usable }: PlacementPorts,
  lines: BatchClass,
  { maxTier, likely = NOTHING_KNOWN, arm = null }: Lines,
) {
  const pool = fleet.pools.get(lines.pool);
  const all = pool ? tiersFor(pool, arm) : (tiersOf(fleet, lines.pool) ?? []);
  const tiers = all
    .slice(0, maxTier ?? all.length)
    .map((tier) => tier.filter((id) => fleet.deployments.has(id)));
  const able = eligible(lines.pool, lines.formats);
  const of: OfClass = { lines, likely };
  const canSay = (id: string): boolean => able === null || able.has(id);
  const takes = (id: string): boolean =>
    canSay(id) && usable(id) && picture.jobsThatFit(id, meanCost(picture, id, of)) >= 1;
  const open = tiers.map((tier) => tier.filter(takes)).filter((tier) => tier.length > 0);
  return { pool, open, first: open[0] ?? tiers[0]?.filter(canSay) ?? [], of };
}

function placesOn(
  { fleet, picture }: Pick<ProblemPorts, 'fleet' | 'picture'>,
  tier: readonly string[],
  of: OfClass,
): JobClass['deployments'] {
  const counted = countedAs({ fleet, picture }, tier, of);
  return Object.fromEntries(
    tier.map((id) => {
      const [cost, latencyMs] = [meanCost(picture, id, of), meanLatency(picture, id)];
      const usd = counted?.get(id);
      return [id, { cost, latencyMs, ...(usd !== undefined && { countsAsUsd: usd }) }];
    }),
  );
}

interface OfClass {
  lines: BatchClass;
  likely: Likely;
}

/** What a line counts as at each, where money is saved; null = it is not. */
function countedAs(
  { fleet, picture }: Pick<ProblemPorts, 'fleet' | 'picture'>,
  ids: readonly string[],
  of: OfClass,
): Map<string, number | null> | null {
  const within = withinPercentOf(fleet, of.lines.pool);
  if (within === null) return null;
  return pricesCountedAs(new Map(ids.map((id) => [id, comparedUsd(picture, id, of)])), within);
}

function comparedUsd(picture: Picture, id: string, { lines, likely }: OfClass): number | null {
  const { set, unset, share } = shapesOf(lines);
  const [one, other] = [set, unset].map((shape) => picture.comparedUsd(id, shape, likely));
  if (one === null || other === null || one === undefined || other === undefined) return null;
  return share * one + (1 - share) * other;
}

/** Lines that set a maximum, and the part of all that they are, and those that do not. */
function shapesOf(lines: BatchClass): { set: Shape; unset: Shape; share: number } {
  const jobs = Math.max(1, lines.jobs);
  const setters = Math.max(0, lines.jobs - lines.unsetOutput);
  const characters = lines.characters / jobs;
  const unset: Shape = { characters, maxOutput: null, inputs: 1 };
  const set = setters > 0 ? { ...unset, maxOutput: lines.maxOutput / setters } : unset;
  return { set, unset, share: setters / jobs };
}

/** The limit that lines of the class are too large for, all of them; null = some fit. */
export function outsizedAt(
  picture: Picture,
  id: string,
  { lines, likely }: OfClass,
): Outsized | null {
  const { set, unset, share } = shapesOf(lines);
  const of = (shape: Shape): Outsized | null => picture.outsized(id, shape, likely);
  if (share >= 1) return of(set);
  const found = of(unset);
  return found !== null && share > 0 ? of(set) : found;
}

/** Mean over the class: those that set a maximum and those that do not cost differently. */
function meanCost(picture: Picture, id: string, { lines, likely }: OfClass): Cost {
  const { set: withMaximum, unset: without, share } = shapesOf(lines);
  const set = picture.likelyCost(id, withMaximum, likely);
  const unset = picture.likelyCost(id, without, likely);
  return {
    requests: 1,
    input: set.input,
    output: share * set.output + (1 - share) * unset.output,
    usd: share * set.usd + (1 - share) * unset.usd,
  };
}

/** With less of the limits that are met by chance: planned to the full, others would lie idle for as long. */
const withMargin = ({ budgets }: Fleet, problem: DrainProblem): DrainProblem => ({
  ...problem,
  budgets: problem.budgets.map((budget) => ({
    ...budget,
    rates: budget.rates.map((rate) => ({
      ...rate,
      perMs: rate.perMs * plannedShare(budgets.get(budget.id) as Budget, rate.dimension),
    })),
  })),
});

/**
 * The fleet's limits as they stand: as configured, and lower or where nothing is configured as headers and 429s teach them.
 * With full buckets, once the fleet has been looked at.
 */
export const problemOf = (
  { fleet, picture }: Pick<ProblemPorts, 'fleet' | 'picture'>,
  classes: JobClass[],
): DrainProblem => ({
  classes,
  ...fleetLimits(
    fleet,
    {
      rates: (budget) =>
        PACED_DIMENSIONS.flatMap((dimension) => {
          const limit = picture.limitOf(budget, dimension);
          return limit === null ? [] : [{ dimension, perMs: limit / 60_000 }];
        }),
      windows: (budget) => picture.windowsOf(budget),
      concurrency: (id) => picture.callsAtOnce(id),
      full: picture.ready,
    },
    classes,
  ),
});
