/**
 * What a ceiling pays for of a batch's lines that are not fed: how many, where, and how long it takes at least, for no more are
 * under way at a time than what is left pays for. The plan counts only those, and others get the rest. Pure.
 */
import { paidPlaces } from './ceiling.ts';
import type { PricedPlace } from './ceiling.ts';
import { placements } from './class-places.ts';
import type { PlacesPorts } from './class-places.ts';
import { askerOf, unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { LengthsBook } from './lengths-book.ts';
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
  classes: ReadonlyMap<DrainingClass, PaidClass>;
  /** No sooner is the last of them sent, ms. */
  ms: number;
}

/** Of one line of a class, in the mean over where it goes. */
interface Priced {
  one: DrainingClass;
  unfed: number;
  among: ReadonlySet<string>;
  /** US dollars. */
  likelyUsd: number;
  mostUsd: number;
  turnMs: number;
}

/** Null = it has no ceiling, or what is left of that pays for all its lines however dear they become. */
export function paidLines(ports: PaidPorts, batch: WithCeiling): PaidLines | null {
  const { ceiling = null, fed } = batch;
  if (ceiling === null) return null;
  const spendableUsd = Math.max(0, ceiling.usd - ceiling.spentUsd);
  const priced = batch.classes.flatMap((one) =>
    unfedOf(one) > 0 ? [pricedOf(ports, batch, { one, leftUsd: spendableUsd })] : [],
  );
  const sum = (read: (each: Priced) => number): number =>
    priced.reduce((all, each) => all + each.unfed * read(each), 0);
  const [lines, likelyUsd, mostUsd] = [
    sum(() => 1),
    sum((one) => one.likelyUsd),
    sum((one) => one.mostUsd),
  ];
  if (lines === 0 || mostUsd <= 0) return null;
  // Those under way are like the others.
  const out = Math.max(0, fed - ceiling.recorded);
  const leftUsd = Math.max(0, spendableUsd - (out * likelyUsd) / lines);
  if (mostUsd * (1 + out / lines) <= spendableUsd) return null;
  const share = likelyUsd > leftUsd ? leftUsd / likelyUsd : 1;
  return {
    classes: new Map(
      priced.map(({ one, unfed, among }) => [
        one,
        { lines: Math.max(1, Math.ceil(unfed * share)), among },
      ]),
    ),
    ms: spentMs({
      fromUsd: leftUsd,
      untilUsd: Math.max(0, leftUsd - likelyUsd),
      likelyUsd: likelyUsd / lines,
      mostUsd: mostUsd / lines,
      turnMs: sum(({ turnMs }) => turnMs) / lines,
    }),
  };
}

/** Lines of the class that are to be fed yet and that its batch's ceiling pays for. */
export const linesToCome = (paid: PaidLines | null, one: DrainingClass): number =>
  paid?.classes.get(one)?.lines ?? unfedOf(one);

function pricedOf(
  ports: PaidPorts,
  batch: WithCeiling,
  { one, leftUsd }: { one: DrainingClass; leftUsd: number },
): Priced {
  const { picture, now } = ports;
  const likely = ports.lengths.likely(askerOf(batch, one));
  const places = placements(ports, one.of, { maxTier: batch.maxTier, likely });
  const unfed = unfedOf(one);
  const about = { shape: meanLine(one.of), likely, lines: unfed, now: now() };
  const all = Object.keys(places).map((id) => pricedAt(picture, id, about));
  const paid = paidPlaces(leftUsd, all);
  const mean = (read: (place: PricedPlace) => number): number => meanBy(paid, read);
  return {
    one,
    unfed,
    among: new Set(paid.map(({ id }) => id)),
    likelyUsd: mean(({ id }) => places[id]?.cost.usd ?? 0),
    mostUsd: mean(({ mostUsd }) => mostUsd),
    turnMs: mean(({ id }) => turnMsAt(picture, id)),
  };
}

/** Each as often as it takes lines. */
function meanBy(places: readonly PricedPlace[], read: (place: PricedPlace) => number): number {
  const all = places.reduce((sum, { atOnce }) => sum + atOnce, 0);
  return all === 0 ? 0 : places.reduce((sum, place) => sum + read(place) * place.atOnce, 0) / all;
}

/**
 * How long it takes to spend so much when as many lines are under way as what is left would pay for at their most, and one at
 * least: fewer and fewer.
 */
export function spentMs(about: {
  fromUsd: number;
  untilUsd: number;
  likelyUsd: number;
  mostUsd: number;
  turnMs: number;
}): number {
  const { fromUsd, untilUsd, mostUsd, turnMs } = about;
  const likelyUsd = Math.min(about.likelyUsd, mostUsd);
  if (likelyUsd <= 0 || fromUsd <= untilUsd) return 0;
  const inEach = -Math.log1p(-likelyUsd / mostUsd);
  const turns = Math.max(0, Math.log(fromUsd / Math.max(untilUsd, mostUsd))) / inEach;
  const oneByOne = Math.max(0, Math.min(fromUsd, mostUsd) - untilUsd) / likelyUsd;
  return turnMs * (turns + oneByOne);
}
