/** Asks placement about a class's next lines: how many of them go alike, and where to. */
import type { Choice, Spills } from '@sluice/balancing';
import type { IndexRecord } from '@sluice/files';
import type { Chooser } from './chooser.ts';
import { askerOf, laneOf } from './draining.ts';
import type { DrainingClass, Helping } from './draining.ts';
import { alikeOf } from './kept-lines.ts';
import type { Alike } from './kept-lines.ts';
import { nextRun } from './key-runs.ts';
import type { Run } from './key-runs.ts';
import type { LengthsBook, Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';

export interface LinesPorts {
  chooser: Pick<Chooser, 'armOf' | 'choose' | 'depth' | 'eligible' | 'goesByKey'>;
  picture: Picture;
  lengths: Pick<LengthsBook, 'likely'>;
  spills: Spills;
  now: () => number;
}

export interface How {
  /** At most so many lines. */
  left: number;
  band: 'overdue' | 'batch';
  /** To one of these or nowhere. */
  among?: ReadonlySet<string>;
}

/** Lines that placement has a place for. */
export interface Taking {
  choice: Extract<Choice, { kind: 'place' }>;
  alike: Alike;
  key: number | null;
  likely: Likely;
  /** Output tokens of one of them; null = not known. */
  expects: number | null;
}

/** `head`: the first of them. Null = none of them may go anywhere now. */
export function takingOf(
  ports: LinesPorts,
  helping: Helping,
  head: IndexRecord,
  how: How,
): Taking | null {
  const { batch, class: one } = helping;
  const { chooser, spills, now } = ports;
  const { key, lines: together } = runOf(chooser, one, helping.lines);
  const likely = ports.lengths.likely(askerOf(batch, one));
  const shape = { characters: head.characters, maxOutput: head.maxOutput, inputs: 1 };
  const eligible = chooser.eligible(one.pool, one.formats);
  const jobs = Math.min(how.left, together);
  const most = Math.min(jobs, chooser.depth.chunkJobs);
  const alike = alikeOf(helping, chooser, { most, eligible });
  const wanted = {
    shape,
    likely,
    jobs,
    keyHash: key,
    ...(alike.lot !== null && { lot: alike.lot }),
    band: how.band,
    exclude: [],
    eligible,
    minTier: 1,
    maxTier: batch.maxTier,
    waitingSince: spills.since(laneOf(batch, one), now()),
    deadlineInMs: batch.expiresAt - now(),
  };
  const choice = chooser.choose(wanted, one.pool, how.among);
  if (choice.kind !== 'place') return null;
  const expects = ports.picture.expects(choice.deployment, shape, likely);
  return { choice, alike, key, likely, expects };
}

/** The class's next lines that may travel together. */
function runOf(chooser: LinesPorts['chooser'], one: DrainingClass, from: number): Run {
  if (!one.keyed || !chooser.goesByKey(one.pool))
    return { lines: one.ahead.length - from, key: null };
  const { chunkJobs: most } = chooser.depth;
  return nextRun(one.ahead, { from, before: one.key, most });
}
