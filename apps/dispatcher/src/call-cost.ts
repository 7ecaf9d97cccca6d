/**
 * What a call of some shape takes at a deployment: what is booked for it, what it will have taken in the end, and what counts
 * of it where prices are compared. Pure.
 */
import { commonFigures, expectedCost, outsizedBy } from '@sluice/budget';
import type { CommonFigures, Cost, Outsized } from '@sluice/budget';
import type { OutputCharge, Shape } from '@sluice/job';
import { usualOutput } from '@sluice/prediction';
import type { View } from './deployment-view.ts';
import type { Likely } from './lengths-book.ts';

type At = Pick<View, 'deployment' | 'load'>;

/** Output tokens that an answer has at most. */
export const mostOutput = ({ deployment }: At, { maxOutput }: Pick<Shape, 'maxOutput'>): number =>
  maxOutput ?? deployment.defaultMaxTokens;

const usualAt = (at: At, shape: Shape): number => usualOutput(mostOutput(at, shape));

/** Output tokens that an answer is expected to have; null while nobody knows. */
export function expectedOutput(at: At, shape: Shape, likely: Likely): number | null {
  const usual = likely.certainty > 0 ? usualAt(at, shape) : null;
  const otherwise = at.load.meanOutput ?? usual;
  return otherwise === null ? null : likely.mean(otherwise);
}

/** What one job takes that is answered with so many tokens; null: with as many as it may. */
export function costWith(
  { deployment, load }: At,
  shape: Shape,
  meanOutput: number | null,
  charge?: OutputCharge,
): Cost {
  const { accounting, defaultMaxTokens, price } = deployment;
  return expectedCost(shape, {
    charsPerToken: load.charsPerToken,
    cachedShare: load.cachedShare,
    meanOutput,
    defaultMaxTokens,
    accounting: charge ? { ...accounting, output: charge } : accounting,
    price,
  });
}

/** Where nobody has answered anything that tells how long an answer to it is, its maximum. */
export const bookedCost = (at: At, shape: Shape, likely: Likely): Cost =>
  costWith(at, shape, expectedOutput(at, shape, likely));

/** Where nothing is known, of what answers usually have; of a maximum that is given back, of what was produced. */
export function likelyCost(at: At, shape: Shape, likely: Likely): Cost {
  const output = expectedOutput(at, shape, likely) ?? usualAt(at, shape);
  const { accounting } = at.deployment;
  const charge = accounting.output === 'released' ? 'actual' : accounting.output;
  return costWith(at, shape, output, charge);
}

/** A limit that lets less through in a minute than one job of this shape probably takes of it; null = it fits. */
export function outsizedFor(at: At, shape: Shape, likely: Likely): Outsized | null {
  const output = expectedOutput(at, shape, likely) ?? usualAt(at, shape);
  return outsizedBy(costWith(at, shape, output), at.load.dims);
}

/** By deployment: what those alike to it have in common. */
export const commonFiguresOf = (all: Iterable<At>): ReadonlyMap<string, CommonFigures> =>
  commonFigures(
    [...all].map(({ deployment: { id, model, price }, load }) => {
      const { ok: answers, charsPerToken, cachedShare, meanOutput } = load;
      return { id, model, price, answers, charsPerToken, cachedShare, meanOutput };
    }),
  );

/** Of as many tokens as at every deployment alike to it. US dollars; null = its price is not known. */
export function comparedUsd(
  at: At,
  common: () => CommonFigures,
  { shape, likely }: { shape: Shape; likely: Likely },
): number | null {
  const { defaultMaxTokens, accounting, price } = at.deployment;
  if (price === null) return null;
  const figures = common();
  const meanOutput = likely.mean(figures.meanOutput ?? usualAt(at, shape));
  return expectedCost(shape, { ...figures, meanOutput, defaultMaxTokens, accounting, price }).usd;
}

/** Tokens of a call as its duration is predicted by: of the answer its maximum while nobody knows. */
export function expectedTokens(
  at: At,
  shape: Shape,
  likely: Likely,
): { input: number; output: number } {
  const most = mostOutput(at, shape);
  const output = Math.min(most, expectedOutput(at, shape, likely) ?? most);
  return { input: shape.characters / at.load.charsPerToken, output };
}
