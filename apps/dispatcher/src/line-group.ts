/** Lines of all batches that are one class of the problem, and what they are together. Pure. */
import type { BatchClass } from '@sluice/ledger';
import type { Likely } from './lengths-book.ts';

/** Lines of one batch that are not fed. */
interface Unfed {
  /** Their class in the batch; they are of its mean size. */
  of: BatchClass;
  left: number;
  likely: Likely;
  /** For the first tier. */
  waitedMs: number;
}

/** Never without parts. */
export interface LineGroup {
  /** Whose limits hold them; null = nobody's. */
  tenant: string | null;
  maxTier: number | null;
  /** Of those of them that are due first. */
  deadlineInMs: number;
  parts: [Unfed, ...Unfed[]];
  /** Of the one batch that they are of, whose ceiling holds it: where they go, and how long that takes, ms; null = none does. */
  ceiling: { among: ReadonlySet<string>; ms: number; tenant: string } | null;
}

/** Lines of another batch. */
export function addLines(group: LineGroup, lines: Unfed, deadlineInMs: number): void {
  group.parts.push(lines);
  group.deadlineInMs = Math.min(group.deadlineInMs, deadlineInMs);
}

/** As one class. */
export function linesOf({ parts }: LineGroup): BatchClass {
  const sum = { ...parts[0].of, jobs: 0, characters: 0, maxOutput: 0, unsetOutput: 0 };
  for (const { of, left } of parts) {
    const share = left / Math.max(1, of.jobs);
    sum.jobs += left;
    sum.characters += of.characters * share;
    sum.maxOutput += of.maxOutput * share;
    sum.unsetOutput += of.unsetOutput * share;
  }
  return sum;
}

/** How long answers to them are, in the mean over all lines. */
export function likelyOf({ parts }: LineGroup): Likely {
  const jobs = parts.reduce((sum, { left }) => sum + left, 0);
  const mean = (read: (likely: Likely) => number): number =>
    parts.reduce((sum, { likely, left }) => sum + left * read(likely), 0) / jobs;
  return {
    certainty: mean(({ certainty }) => certainty),
    mean: (otherwise) => mean((likely) => likely.mean(otherwise)),
  };
}

/** Of those of them that have waited longest. */
export const waitedMsOf = ({ parts }: LineGroup): number =>
  parts.reduce((most, { waitedMs }) => Math.max(most, waitedMs), 0);
