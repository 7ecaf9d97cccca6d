/**
 * When the limits that shape what is sent for a tenant let its work through, over all that waits of it: single jobs first,
 * then its batches by band and the earliest deadline. The plan takes what is alike of a tenant together and knows no single
 * jobs, so this is a bound beside it.
 */
import { NO_WORK, plusWork, shapedMs, workAt } from '@sluice/fairness';
import type { ShapedWork } from '@sluice/fairness';
import { membersOf } from '@sluice/job';
import type { Waiting } from '@sluice/ledger';
import { askerOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { askerOfEntry } from './lengths-book.ts';
import type { Likely } from './lengths-book.ts';
import { linesToCome, paidLines } from './paid-lines.ts';
import { partsOf } from './class-parts.ts';
import { placements } from './class-places.ts';
import type { ProblemPorts } from './plan-problem.ts';
import { shapeOf } from './entry-wanted.ts';
import type { ShapingOf } from './held-tenants.ts';

export interface TenantPorts {
  shapingOf: ShapingOf;
  /** What waits of single jobs of these tenants; nothing where none does. */
  singlesOf: (tenants: ReadonlySet<string>) => Promise<ReadonlyMap<string, ShapedWork>>;
}

type Ports = ProblemPorts & { limited: TenantPorts };

/** Lines of a batch that wait to be fed and that its ceiling pays for. */
function workOfBatch(ports: ProblemPorts, batch: Draining): ShapedWork {
  const paid = paidLines(ports, batch);
  return batch.classes
    .flatMap((one) => {
      const likely = ports.lengths.likely(askerOf(batch, one));
      return partsOf(ports, one.of).map(({ share, arm }) => {
        const about = { maxTier: batch.maxTier, likely, arm };
        return workAt(placements(ports, one.of, about), linesToCome(paid, one) * share);
      });
    })
    .reduce(plusWork, NO_WORK);
}

/** By batch with lines to feed: ms until its tenant's limits have let its last call end; none whose tenant has no such limits. */
export async function shapedEnds(
  ports: Ports,
  batches: readonly Draining[],
): Promise<ReadonlyMap<string, number>> {
  const { shapingOf, singlesOf } = ports.limited;
  const limited = batches.filter(({ tenant }) => shapingOf(tenant) !== null);
  const before = new Map(await singlesOf(new Set(limited.map(({ tenant }) => tenant))));
  const ends = new Map<string, number>();
  for (const batch of limited.toSorted(inTurn)) {
    const { tenant } = batch;
    const own = workOfBatch(ports, batch);
    if (own.jobs === 0) continue;
    const sum = plusWork(before.get(tenant) ?? NO_WORK, own);
    before.set(tenant, sum);
    ends.set(batch.id, shapedMs(shapingOf(tenant) ?? {}, sum) + own.callMs / own.jobs);
  }
  return ends;
}

const inTurn = (a: Draining, b: Draining): number =>
  a.band - b.band || a.expiresAt - b.expiresAt || a.createdAt - b.createdAt;

/**
 * Of single jobs that wait, by tenant. `counted`: how many of a tenant were never placed, where that is more than are in
 * memory; the others are taken to be like these.
 */
export function workOfSingles(
  ports: ProblemPorts,
  waiting: Iterable<Waiting>,
  counted: ReadonlyMap<string, number>,
): Map<string, ShapedWork> {
  const sums = new Map<string, ShapedWork>();
  for (const one of waiting) {
    const [place] = placesOf(ports, one);
    const cost = place && ports.picture.cost(place, shapeOf(one), likelyOf(ports, one));
    const each = {
      jobs: one.jobs,
      tokens: cost ? one.jobs * (cost.input + cost.output) : 0,
      callMs: place ? one.jobs * (ports.picture.load(place)?.meanLatencyMs ?? 0) : 0,
    };
    sums.set(one.tenant, plusWork(sums.get(one.tenant) ?? NO_WORK, each));
  }
  for (const [tenant, jobs] of counted) {
    const known = sums.get(tenant) ?? NO_WORK;
    if (jobs <= known.jobs) continue;
    const times = jobs / Math.max(1, known.jobs);
    sums.set(tenant, { jobs, tokens: known.tokens * times, callMs: known.callMs * times });
  }
  return sums;
}

const likelyOf = ({ lengths }: ProblemPorts, waiting: Waiting): Likely =>
  lengths.likely(askerOfEntry(waiting));

const placesOf = ({ fleet, usable }: ProblemPorts, { pool }: Waiting): string[] =>
  (membersOf(fleet, pool) ?? []).filter((id) => fleet.deployments.has(id) && usable(id));
