/** What lines of a class cost at most, and how many of them a deployment has under way while it goes as fast as it can. Pure. */
import { paceWithin } from '@sluice/balancing';
import type { IndexRecord } from '@sluice/files';
import type { Shape } from '@sluice/job';
import type { PricedPlace } from './price-steps.ts';
import { unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';

/** Beside the call, from its beginning until it is known what it cost, ms: that is looked up once a second. */
const LOOK_MS = 1_000;
/** That a line waits on a deployment's queue while it goes as fast as it can, ms. */
const QUEUED_MS = 1_000;
/** While nobody knows. */
const CALL_MS = 1_000;

/** Between two looks at what a batch has cost that its ceiling holds, ms. */
export const HELD_LOOK_MS = 250;

const callMsAt = (picture: Pick<Picture, 'load'>, id: string): number =>
  picture.load(id)?.meanLatencyMs ?? CALL_MS;

/** How long what a line may cost is kept for it where it waits for nothing, ms: of a batch that waits for that money. */
export const turnMsAt = (picture: Pick<Picture, 'load'>, id: string): number =>
  HELD_LOOK_MS + callMsAt(picture, id);

/** US dollars, as dear as it can become there. */
export const mostUsdAt = (picture: Pick<Picture, 'costWith'>, id: string, shape: Shape): number =>
  picture.costWith(id, shape, null).usd;

export interface OfLines {
  shape: Shape;
  likely: Likely;
  /** That are left of them. */
  lines: number;
  now: number;
}

export function pricedAt(
  picture: Pick<Picture, 'candidate' | 'costWith' | 'likelyCost' | 'load'>,
  id: string,
  { shape, likely, lines, now }: OfLines,
): PricedPlace {
  const candidate = picture.candidate(id, now);
  const cost = picture.likelyCost(id, shape, likely);
  const pace =
    candidate === null
      ? 0
      : paceWithin(candidate, cost, QUEUED_MS + LOOK_MS + callMsAt(picture, id));
  const atOnce = Math.min(lines, Math.max(1, pace));
  return { id, mostUsd: mostUsdAt(picture, id, shape), atOnce };
}

/**
 * What a line of the class is like, of those that may be under way with the next ones: the next of its own, or while none is read,
 * and while some that were fed may not have ended, the mean of the class. Null = it has no more of them.
 */
export function lineUnderWay(
  { ceiling }: Pick<Draining, 'ceiling'>,
  one: DrainingClass,
  head: IndexRecord | undefined,
): Shape | null {
  if (head) return shapeOfLine(head);
  const ended = ceiling === null || ceiling.recorded >= one.fedBy;
  if (one.of.jobs === 0 || (unfedOf(one) <= 0 && ended)) return null;
  return meanLine(one.of);
}

export const shapeOfLine = ({ characters, maxOutput }: IndexRecord): Shape => ({
  characters,
  maxOutput,
  inputs: 1,
});

/** The mean of a class. */
export function meanLine({ jobs, characters, maxOutput, unsetOutput }: DrainingClass['of']): Shape {
  const lines = Math.max(1, jobs);
  const mean = unsetOutput > 0 ? null : maxOutput / lines;
  return { characters: characters / lines, maxOutput: mean, inputs: 1 };
}
