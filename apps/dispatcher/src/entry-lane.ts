/** What of the entries that wait finds room together or not at all: where one of a lane finds none, no other is asked for. Pure. */
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import type { Waiting } from '@sluice/ledger';
import type { Chooser } from './chooser.ts';
import { drawnBy } from './entry-wanted.ts';
import { LINES } from './line-feeding.ts';

/** Jobs that are kept to different arms do not find room together, nor do lines, which have places to go back to, and jobs. */
export function laneOfEntry(
  waiting: Waiting,
  chooser: Pick<Chooser, 'armOf' | 'countsDays' | 'eligible'>,
): string {
  const arm = chooser.armOf(waiting.pool, () => drawnBy(waiting, chooser));
  const whose = waiting.batch === null ? '' : LINES;
  const lane = `${whose}${kindOf(waiting, chooser.countsDays(waiting.pool))}`;
  return arm === null ? lane : `${lane} for ${arm}`;
}

/**
 * An entry that failed has places where it does not want to go; `bySize`: of what is left of a day small ones may find room
 * where large ones do not.
 */
function kindOf(waiting: Waiting, bySize: boolean): string {
  const { pool, formats, exclude, minTier, maxTier, shunned } = waiting;
  const spoilt = exclude.length > 0 || minTier > 1 ? ` not ${exclude.join(',')} ${minTier}` : '';
  const size = bySize ? ` size ${sizeOf(waiting)}${shunned ? ' shunned' : ''}` : '';
  return `${pool} ${formats}${maxTier === null ? '' : ` to ${maxTier}`}${spoilt}${size}`;
}

/** Two steps for every doubling of what it may take. */
const sizeOf = ({ characters, maxOutput }: Waiting): number =>
  Math.round(2 * Math.log2(1 + characters / USUAL_CHARS_PER_TOKEN + (maxOutput ?? 0)));
