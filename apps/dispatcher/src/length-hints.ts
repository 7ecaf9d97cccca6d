/** Where lines of a dry run are counted at their maximum, for nobody knows how long answers are: its cost is then what it can be at most. Pure. */
import type { BatchClass } from '@sluice/ledger';
import type { JobClass } from '@sluice/planning';
import { usualOutput } from '@sluice/prediction';
import type { Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';

/** Counted with more of its maximum than this, a line counts as one that is counted with all of it. */
const NEARLY = 0.8;

type Known = Pick<BatchClass, 'jobs' | 'characters' | 'maxOutput' | 'unsetOutput'>;

/** `wanted`: where each of the known lines would go, in the same order. None, or one sentence about all of them. */
export function lengthHints(
  picture: Picture,
  known: readonly { lines: Known; likely: Likely; share: number }[],
  wanted: readonly Pick<JobClass, 'deployments'>[],
): string[] {
  let [lines, all, tokens] = [0, 0, 0];
  for (const [i, one] of known.entries()) {
    const [place] = Object.keys(wanted[i]?.deployments ?? {});
    all += one.lines.jobs * one.share;
    if (place === undefined) continue;
    for (const { jobs, most } of guessedAt(picture, place, one)) {
      lines += jobs * one.share;
      tokens += jobs * one.share * most;
    }
  }
  // Of arms each has a part of a line.
  const [counted, total] = [Math.round(lines), Math.round(all)];
  if (counted === 0) return [];
  const which = counted === total ? 'every line is' : `${counted} of the ${total} lines are`;
  const maximum = Math.round(tokens / lines);
  return [
    `Nothing is known yet of the lengths of answers: ${which} counted at or near the maximum (${maximum} tokens in the mean), and the real cost is often a fraction of that.`,
  ];
}

/** Those that set a maximum and those that do not differ. */
function guessedAt(
  picture: Picture,
  id: string,
  { lines, likely }: { lines: Known; likely: Likely },
): { jobs: number; most: number }[] {
  const setters = Math.max(0, lines.jobs - lines.unsetOutput);
  const characters = lines.characters / Math.max(1, lines.jobs);
  const kinds = [
    { jobs: setters, maxOutput: lines.maxOutput / Math.max(1, setters) },
    { jobs: lines.unsetOutput, maxOutput: null },
  ];
  return kinds.flatMap(({ jobs, maxOutput }) => {
    if (jobs <= 0) return [];
    const shape = { characters, maxOutput, inputs: 1 };
    if (picture.expects(id, shape, likely) !== null) return [];
    const most = picture.mostOutput(id, shape);
    return usualOutput(most) >= NEARLY * most ? [{ jobs, most }] : [];
  });
}
