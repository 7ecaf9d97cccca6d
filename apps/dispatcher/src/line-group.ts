/** Lines of all batches that are one class of the problem, summed up. Pure. */
import type { BatchClass } from '@sluice/ledger';
import { NOTHING_KNOWN } from './lengths-book.ts';
import type { Likely } from './lengths-book.ts';

export interface LineGroup {
  lines: BatchClass;
  /** Whose limits hold them; null = nobody's. */
  tenant: string | null;
  maxTier: number | null;
  /** Of those of them that are due first. */
  deadlineInMs: number;
  likely: Likely;
  /** For the first tier, of those of them that have waited longest. */
  waitedMs: number;
}

/** With no lines yet; `like`: a class of which it will have lines. */
export const newGroup = (
  like: BatchClass,
  about: Pick<LineGroup, 'tenant' | 'maxTier' | 'deadlineInMs'>,
): LineGroup => ({
  ...about,
  lines: { ...like, jobs: 0, characters: 0, maxOutput: 0, unsetOutput: 0 },
  likely: NOTHING_KNOWN,
  waitedMs: 0,
});

/** So many more lines, of the mean size of their class. */
export function withLines(
  { lines, likely: before, ...group }: LineGroup,
  more: { of: BatchClass; left: number } & Pick<LineGroup, 'likely' | 'waitedMs' | 'deadlineInMs'>,
): LineGroup {
  const { of, left, likely } = more;
  const share = left / Math.max(1, of.jobs);
  return {
    ...group,
    deadlineInMs: Math.min(group.deadlineInMs, more.deadlineInMs),
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
