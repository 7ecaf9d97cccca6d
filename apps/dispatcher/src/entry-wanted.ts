/** What an entry that waits asks of placement. Pure. */
import { lotOf } from '@sluice/balancing';
import type { Drawn } from '@sluice/balancing';
import type { Shape } from '@sluice/job';
import type { Waiting } from '@sluice/ledger';
import type { Chooser, Wanted } from './chooser.ts';
import type { Likely } from './lengths-book.ts';

export const shapeOf = ({ characters, maxOutput }: Waiting): Shape => ({
  characters,
  maxOutput,
  inputs: 1,
});

/** Where it shall not go now. */
export const shunnedNow = ({ shunned }: Waiting, now: number): string | null =>
  shunned !== null && shunned.until > now ? shunned.deployment : null;

export function drawnBy(
  { id, owner, lot, pool, formats }: Waiting,
  chooser: Pick<Chooser, 'eligible'>,
): Drawn {
  return { affinityKey: owner, lot: lot ?? lotOf(id), eligible: chooser.eligible(pool, formats) };
}

export interface WaitsNow {
  drawn: Drawn;
  likely: Likely;
  overdue: boolean;
  /** When it began to wait, ms. */
  since: number;
  now: number;
}

export const wantedOf = (
  waiting: Waiting,
  { drawn, likely, overdue, since, now }: WaitsNow,
): Wanted => ({
  shape: shapeOf(waiting),
  likely,
  jobs: waiting.jobs,
  band: waiting.priority === 'interactive' ? 'interactive' : overdue ? 'overdue' : 'batch',
  exclude: waiting.exclude,
  ...drawn,
  minTier: waiting.minTier,
  maxTier: waiting.maxTier,
  shunned: shunnedNow(waiting, now),
  waitingSince: since,
  prefixKey: waiting.prefix,
  keyHash: waiting.key,
  deadlineInMs: waiting.deadlineAt === null ? null : waiting.deadlineAt - now,
});
