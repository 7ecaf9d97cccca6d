/** What waits for deployments with a limit per day or month, here and of the batches that drain, and whether any of it fits. */
import { fitting } from '@sluice/balancing';
import type { Waits } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';
import type { Chooser } from './chooser.ts';
import { askerOf, unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { Feeder } from './feeder.ts';
import { askerOfEntry } from './lengths-book.ts';
import type { LengthsBook } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { shapeOf, shunnedNow } from './entry-wanted.ts';
import type { WaitingEntries } from './waiting-entries.ts';

export interface DemandPorts {
  fleet: Fleet;
  picture: Picture;
  chooser: Pick<Chooser, 'eligible' | 'poolOf'>;
  lengths: Pick<LengthsBook, 'likely'>;
  entries: Pick<WaitingEntries, 'kinds'>;
  feeder: Pick<Feeder, 'draining'>;
  now: () => number;
}

/** So long it stands that nothing fits: to find that takes a look at all that waits. */
const STANDS_MS = 1_000;

export class DayDemand {
  readonly #ports: DemandPorts;
  /** Deployments for which all that waits was too large (false), or nothing waited (null), and until when that stands, ms. */
  readonly #nothing = new Map<string, { fits: false | null; until: number }>();

  constructor(ports: DemandPorts) {
    this.#ports = ports;
  }

  /**
   * Whether anything of what waits for a deployment fits into its day; none for which nothing waits. What is placed on it counts
   * as fitting until its worker has had a look: what does not fit comes back.
   */
  fitting(): ReadonlyMap<string, boolean> {
    const { picture, now } = this.#ports;
    const found = new Map<string, boolean>();
    const open: string[] = [];
    for (const id of picture.withDays) {
      const stands = this.#stands(id, now());
      if (picture.queued(id) > 0) found.set(id, true);
      else if (stands === undefined) open.push(id);
      else if (stands !== null) found.set(id, stands);
    }
    const looked = fitting(open, waits(this.#ports));
    for (const id of open) this.#remember(id, looked.get(id) ?? null);
    return new Map([...found, ...looked]);
  }

  #stands(id: string, now: number): false | null | undefined {
    const known = this.#nothing.get(id);
    return known !== undefined && known.until > now ? known.fits : undefined;
  }

  #remember(id: string, fits: boolean | null): void {
    if (fits === true) this.#nothing.delete(id);
    else this.#nothing.set(id, { fits, until: this.#ports.now() + STANDS_MS });
  }
}

function* waits(ports: DemandPorts): Generator<Waits> {
  const { picture, lengths, entries, feeder, now } = ports;
  for (const waiting of entries.kinds()) {
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
