/** Why nobody can say when lines of a dry run would be done: each is too large for a limit of every deployment that could take it. Pure. */
import { outsizedWords } from '@sluice/budget';
import type { BatchClass } from '@sluice/ledger';
import type { JobClass } from '@sluice/planning';
import type { Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { outsizedAt } from './class-cost.ts';

/** One in the config may be many deployments; more sentences than this are not read. */
const MOST_NAMED = 3;

/** `wanted`: where each of the known lines would go if they fitted, in the same order; one sentence for each deployment. */
export function sizeHints(
  picture: Picture,
  known: readonly { lines: BatchClass; likely: Likely }[],
  wanted: readonly Pick<JobClass, 'deployments'>[],
): string[] {
  const told = new Map<string, string>();
  for (const [i, { lines, likely }] of known.entries()) {
    const places = Object.keys(wanted[i]?.deployments ?? {});
    const found = places.map((id) => outsizedAt(picture, id, { lines, likely }));
    if (found.includes(null)) continue;
    for (const [at, outsized] of found.entries())
      if (outsized !== null) told.set(places[at] as string, outsizedWords(outsized));
  }
  return [...told]
    .slice(0, MOST_NAMED)
    .map(([id, words]) => `ideal_ms and eta_at are not known: at ${id} ${words}.`);
}
