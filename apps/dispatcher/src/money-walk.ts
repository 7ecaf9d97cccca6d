/**
 * For how many of its lines a batch's ceiling pays, and how long it takes to spend that: a walk down what is left. All places go as
 * fast as they can while what is left pays for that, each line as dear as it can become; then those of the highest price get none,
 * and so on ({@link paidPlaces}). All classes go side by side. Pure.
 */
import { needOf, paidPlaces, priceSteps } from './price-steps.ts';
import type { PricedPlace } from './price-steps.ts';

export interface WalkedPlace extends PricedPlace {
  /** What a line probably costs there, US dollars. */
  usd: number;
  /** How long what it may cost is kept for it there, ms. */
  turnMs: number;
}

export interface WalkedClass {
  lines: number;
  places: readonly WalkedPlace[];
}

/** Of one line, in the mean over where lines go. */
interface MeanLine {
  usd: number;
  mostUsd: number;
  turnMs: number;
}

/** What of the money goes to the same places, US dollars. */
interface Stretch {
  fromUsd: number;
  untilUsd: number;
  line: MeanLine;
}

export interface Walked {
  /** Of those that are to come. */
  lines: number;
  /** No sooner is the last of them sent, ms. */
  ms: number;
}

/** `out`: lines that are under way; they are like the others. Classes that nobody takes are passed over. */
export function walked(usd: number, classes: readonly WalkedClass[], out = 0): Walked {
  const open = classes.filter(({ lines, places }) => lines > 0 && places.length > 0);
  const toCome = open.reduce((sum, { lines }) => sum + lines, 0);
  let [left, underWay, ms] = [toCome, out, 0];
  for (const { fromUsd, untilUsd, line } of stretchesOf(usd, open)) {
    const pays = line.usd > 0 ? (fromUsd - untilUsd) / line.usd : Infinity;
    const first = Math.min(underWay, pays);
    const next = Math.min(left, pays - first);
    underWay -= first;
    left -= next;
    const since = fromUsd - first * line.usd;
    ms += spentMs({ fromUsd: since, untilUsd: since - next * line.usd, line });
  }
  return { lines: toCome - left, ms };
}

/** A line of the classes while so much is left. */
export function lineAt(usd: number, classes: readonly WalkedClass[]): MeanLine {
  const all = classes.reduce((sum, { lines }) => sum + lines, 0);
  const mean = (read: (place: WalkedPlace) => number): number =>
    classes.reduce((sum, { lines, places }) => {
      return sum + (lines / all) * meanBy(paidPlaces(usd, places), read);
    }, 0);
  return {
    usd: mean((place) => place.usd),
    mostUsd: mean(({ mostUsd }) => mostUsd),
    turnMs: mean(({ turnMs }) => turnMs),
  };
}

/** Each as often as it takes lines. */
function meanBy(places: readonly WalkedPlace[], read: (place: WalkedPlace) => number): number {
  const all = places.reduce((sum, { atOnce }) => sum + atOnce, 0);
  return all === 0 ? 0 : places.reduce((sum, place) => sum + read(place) * place.atOnce, 0) / all;
}

/** The dear ones first. */
function stretchesOf(usd: number, classes: readonly WalkedClass[]): Stretch[] {
  const marks = new Set([0, ...classes.flatMap(({ places }) => priceSteps(places).map(needOf))]);
  const ends = [...marks].filter((mark) => mark < usd).toSorted((a, b) => b - a);
  return ends.map((untilUsd, i) => {
    const fromUsd = ends[i - 1] ?? usd;
    return { fromUsd, untilUsd, line: lineAt((fromUsd + untilUsd) / 2, classes) };
  });
}

/**
 * How long it takes to spend so much when as many lines are under way as what is left would pay for at their most, and one at
 * least: fewer and fewer.
 */
export function spentMs({ fromUsd, untilUsd, line }: Stretch): number {
  const { mostUsd, turnMs } = line;
  const usd = Math.min(line.usd, mostUsd);
  if (usd <= 0 || fromUsd <= untilUsd) return 0;
  const inEach = -Math.log1p(-usd / mostUsd);
  const turns = Math.max(0, Math.log(fromUsd / Math.max(untilUsd, mostUsd))) / inEach;
  const oneByOne = Math.max(0, Math.min(fromUsd, mostUsd) - untilUsd) / usd;
  return turnMs * (turns + oneByOne);
}
