/** Where lines of a class may go by plan, and what one of them takes there. Pure. */
import { tiersFor } from '@sluice/balancing';
import { pricesCountedAs, tiersOf } from '@sluice/job';
import type { Fleet, Pool } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';
import { placesOf } from '@sluice/planning';
import type { DrainProblem, JobClass } from '@sluice/planning';
import { meanComparedUsd, meanCost, meanLatency, outsizedAt } from './class-cost.ts';
import type { OfClass } from './class-cost.ts';
import { problemOf } from './fleet-problem.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';
import type { Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { savesMoney, withinPercentOf } from './saving-pools.ts';

export interface PlacesPorts {
  fleet: Fleet;
  picture: Picture;
  /** Deployments of the pool whose wire format can say it; null = all. */
  eligible: (pool: string, formats: number) => ReadonlySet<string> | null;
  usable: (deployment: string) => boolean;
}

interface Lines {
  maxTier: number | null;
  likely?: Likely;
  arm?: string | null;
  waitedMs?: number;
}

type Places = JobClass['deployments'];

/**
 * Those of the first tier in which somebody takes calls and has something left of its day, and of later ones where they count
 * (planning's placesOf); where nobody does, of the first. None that a line is too large for: when these are done nobody can say. Who saves money gets no later tier by plan, which would use it where it
 * is the cheaper.
 */
export function placements(ports: PlacesPorts, lines: BatchClass, how: Lines): Places {
  const { fleet, picture } = ports;
  const { pool, first, open, of } = tiersFitFor(ports, lines, how);
  const placesIn = (tier: readonly string[]): Places =>
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
export function placesWanted(ports: PlacesPorts, lines: BatchClass, how: Lines): Places {
  const { first, of } = tiersFitFor(ports, lines, how);
  return placesOn(ports, first, of);
}

interface TiersFit {
  pool: Pool | undefined;
  /** Of each tier those that take calls now, tiers without any left out. */
  open: string[][];
  /** The first of these, or else all of the first tier. */
  first: string[];
  of: OfClass;
}

function tiersFitFor(
  { fleet, picture, eligible, usable }: PlacesPorts,
  lines: BatchClass,
  { maxTier, likely = NOTHING_KNOWN, arm = null }: Lines,
): TiersFit {
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

type Seen = Pick<PlacesPorts, 'fleet' | 'picture'>;

function placesOn({ fleet, picture }: Seen, tier: readonly string[], of: OfClass): Places {
  const counted = countedAs({ fleet, picture }, tier, of);
  return Object.fromEntries(
    tier.map((id) => {
      const [cost, latencyMs] = [meanCost(picture, id, of), meanLatency(picture, id)];
      const usd = counted?.get(id);
      return [id, { cost, latencyMs, ...(usd !== undefined && { countsAsUsd: usd }) }];
    }),
  );
}

/** What a line counts as at each, where money is saved; null = it is not. */
function countedAs(
  { fleet, picture }: Seen,
  ids: readonly string[],
  of: OfClass,
): Map<string, number | null> | null {
  const within = withinPercentOf(fleet, of.lines.pool);
  if (within === null) return null;
  return pricesCountedAs(new Map(ids.map((id) => [id, meanComparedUsd(picture, id, of)])), within);
}
