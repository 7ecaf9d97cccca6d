/** What waits for deployments with a limit per day or month, here and of the batches that drain, and whether any of it fits. */
import type { Fleet } from '@sluice/job';
import type { Chooser } from './chooser.ts';
import { fitting } from './day-room.ts';
import type { Waits } from './day-room.ts';
import { askerOf, unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { Feeder } from './feeder.ts';
import { askerOfEntry } from './lengths-book.ts';
import type { LengthsBook } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { shapeOf, shunnedNow } from './placer.ts';
import type { Placer } from './placer.ts';

export interface DemandPorts {
  fleet: Fleet;
  picture: Picture;
  chooser: Pick<Chooser, 'eligible' | 'poolOf'>;
  lengths: Pick<LengthsBook, 'likely'>;
  placer: Pick<Placer, 'kinds'>;
  feeder: Pick<Feeder, 'draining'>;
  now: () => number;
}

/**
 * Whether anything of what waits for a deployment fits into its day; none for which nothing waits. What is placed on it counts
 * as fitting until its worker has had a look: what does not fit comes back.
 */
export function fittingNow(ports: DemandPorts): ReadonlyMap<string, boolean> {
  const { picture } = ports;
  const ids = picture.withDays;
  const placed = new Set(ids.filter((id) => picture.queued(id) > 0));
  const found = fitting(
    ids.filter((id) => !placed.has(id)),
    waits(ports),
  );
  for (const id of placed) found.set(id, true);
  return found;
}

function* waits(ports: DemandPorts): Generator<Waits> {
  const { picture, lengths, placer, feeder, now } = ports;
  for (const waiting of placer.kinds()) {
    const likely = lengths.likely(askerOfEntry(waiting));
    const shunned = shunnedNow(waiting, now());
    const cost = (id: string) => picture.cost(id, shapeOf(waiting), likely);
    const fits = (id: string): boolean => id !== shunned && picture.jobsThatFit(id, cost(id)) >= 1;
    yield { members: membersFor(ports, waiting), fits };
  }
  for (const batch of feeder.draining)
    for (const one of batch.classes) if (unfedOf(one) > 0) yield linesOf(ports, batch, one);
}

/** By the line that comes next, or while that is not read by the mean of its class. */
function linesOf(ports: DemandPorts, batch: Draining, one: DrainingClass): Waits {
  const { picture, lengths } = ports;
  const { pool, formats, of } = one;
  const [head = { characters: of.characters / Math.max(1, of.jobs), maxOutput: null }] = one.ahead;
  const shape = { characters: head.characters, maxOutput: head.maxOutput, inputs: 1 };
  const likely = lengths.likely(askerOf(batch, one));
  return {
    members: membersFor(ports, { pool, formats, maxTier: batch.maxTier }),
    fits: (id) => picture.jobsThatFit(id, picture.cost(id, shape, likely)) >= 1,
  };
}

function membersFor(
  { fleet, chooser }: DemandPorts,
  { pool, formats, maxTier }: { pool: string; formats: number; maxTier: number | null },
): string[] {
  const { tiers } = chooser.poolOf(pool);
  const able = chooser.eligible(pool, formats);
  return tiers
    .slice(0, maxTier ?? tiers.length)
    .flat()
    .filter((id) => fleet.deployments.has(id) && (able === null || able.has(id)));
}
