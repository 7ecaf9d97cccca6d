/**
 * What a ceiling pays for of a batch's lines: of one that drains those that are not fed, for the plan, so that others get the rest;
 * of one that is not begun all, for its dry run. Pure.
 */
import type { Fleet } from '@sluice/job';
import type { EstimateRange } from '@sluice/ledger';
import { isPlanned } from '@sluice/planning';
import { placements } from './class-places.ts';
import type { PlacesPorts } from './class-places.ts';
import { askerOf, unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { LengthsBook } from './lengths-book.ts';
import { lineAt, walked } from './money-walk.ts';
import type { WalkedClass } from './money-walk.ts';
import { paidPlaces } from './price-steps.ts';
import type { PricedPlace } from './price-steps.ts';
import { meanLine, pricedAt, turnMsAt } from './priced-lines.ts';

export interface PaidPorts extends PlacesPorts {
  lengths: Pick<LengthsBook, 'likely'>;
  now: () => number;
}

type WithCeiling = Pick<Draining, 'id' | 'tenant' | 'maxTier' | 'classes' | 'fed'> &
  Partial<Pick<Draining, 'ceiling'>>;

/** Of one class; one line at least, so that the plan knows it. */
interface PaidClass {
  lines: number;
  /** Where they go. */
  among: ReadonlySet<string>;
}

export interface PaidLines {
  /** Of those that are not fed, as many as it really pays for. */
  lines: number;
  classes: ReadonlyMap<DrainingClass, PaidClass>;
  /** Deployments that are too dear for what is left, beside those that its lines go to. */
  leftOut: readonly string[];
  /** No sooner is the last of them sent, ms. */
  ms: number;
}

/** Null = it has no ceiling, or what is left of that pays for all its lines however dear they become. */
export function paidLines(ports: PaidPorts, batch: WithCeiling): PaidLines | null {
  const { ceiling = null, fed } = batch;
  if (ceiling === null) return null;
  const leftUsd = Math.max(0, ceiling.usd - ceiling.spentUsd);
  const out = Math.max(0, fed - ceiling.recorded);
  const unfed = batch.classes.filter((one) => unfedOf(one) > 0);
  const classes = unfed.map((one) => ({ one, ...walkedOf(ports, batch, one) }));
  const lines = classes.reduce((sum, each) => sum + each.lines, 0);
  const { mostUsd } = lineAt(leftUsd, classes);
  if (lines === 0 || mostUsd <= 0 || mostUsd * (lines + out) <= leftUsd) return null;
  const paid = walked(leftUsd, classes, out);
  const share = paid.lines / lines;
  const among = classes.map(({ places }) => paidPlaces(leftUsd, places).map(({ id }) => id));
  return {
    lines: paid.lines,
    classes: new Map(
      classes.map(({ one, lines: all }, i) => [
        one,
        { lines: Math.max(1, Math.ceil(all * share - 1e-9)), among: new Set(among[i]) },
      ]),
    ),
    leftOut: leftOutOf(ports.fleet, classes, new Set(among.flat())),
    ms: paid.ms,
  };
}

/** Where a strategy of its own says where lines of the pool go, none is left out. */
function leftOutOf(
  fleet: Fleet,
  classes: readonly (WalkedClass & { one: DrainingClass })[],
  among: ReadonlySet<string>,
): string[] {
  const ordered = classes.filter(({ one }) => {
    const pool = fleet.pools.get(one.pool);
    return pool !== undefined && isPlanned(pool);
  });
  const ids = ordered.flatMap(({ places }) => places.map(({ id }) => id));
  return [...new Set(ids)].filter((id) => !among.has(id));
}

/** Lines of the class that are to be fed yet and that its batch's ceiling pays for. */
export const linesToCome = (paid: PaidLines | null, one: DrainingClass): number =>
  paid?.classes.get(one)?.lines ?? unfedOf(one);

function walkedOf(ports: PaidPorts, batch: WithCeiling, one: DrainingClass): WalkedClass {
  const { picture, now } = ports;
  const likely = ports.lengths.likely(askerOf(batch, one));
  const costs = placements(ports, one.of, { maxTier: batch.maxTier, likely });
  const lines = unfedOf(one);
  const about = { shape: meanLine(one.of), likely, lines, now: now() };
  const places = Object.entries(costs).map(([id, { cost }]) => ({
    ...pricedAt(picture, id, about),
    usd: cost.usd ?? 0,
    turnMs: turnMsAt(picture, id),
  }));
  return { lines, places };
}

/** Of one class. */
export interface PricedLines {
  lines: number;
  /** `usd`: what a line costs there. */
  places: readonly (PricedPlace & { usd: EstimateRange })[];
}

/** Before the first line is fed. `low`: where they become dear. */
export function paidAhead(ceilingUsd: number, classes: readonly PricedLines[]): EstimateRange {
  const paidAt = (end: keyof EstimateRange): number => {
    const at = classes.map(({ lines, places }) => ({
      lines,
      places: places.map((place) => ({ ...place, usd: place.usd[end], turnMs: 0 })),
    }));
    return walked(ceilingUsd, at).lines;
  };
  return { low: paidAt('high'), likely: paidAt('likely'), high: paidAt('low') };
}
