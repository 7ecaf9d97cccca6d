/** A `max_cost_usd` counts what answers cost: it knows nothing of those of deployments without a price. */
import { membersOf } from '@sluice/job';
import type { Fleet } from '@sluice/job';
import { refuse, show } from './errors.ts';

/** More names than this are not read. */
const MOST_NAMED = 5;

interface Ceiling {
  maxCostUsd: number | null;
  maxTier: number | null;
}

/** Which answers of a batch its ceiling does not count; null = it has none, or counts all. `pools`: those of its lines. */
export function ceilingHint(
  fleet: Fleet,
  { maxCostUsd, maxTier, pools }: Ceiling & { pools: readonly string[] },
): string | null {
  if (maxCostUsd === null) return null;
  const ids = [...new Set(pools.flatMap((pool) => membersOf(fleet, pool, maxTier) ?? []))];
  const unpriced = ids.filter((id) => !isPriced(fleet, id));
  if (unpriced.length === 0) return null;
  if (unpriced.length === ids.length)
    return 'max_cost_usd has no effect: no deployment that its lines may go to has a price.';
  const more = unpriced.length - MOST_NAMED;
  const named = `${unpriced.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return `max_cost_usd does not count what these answer, which have no price: ${named}.`;
}

/** Where nothing that this caller may use has a price; of which pools its lines are is seen when they are read. */
export function refuseUnpriced(
  fleet: Fleet,
  { maxCostUsd, maxTier }: Ceiling,
  pools: readonly string[] | null,
): void {
  if (maxCostUsd === null) return;
  const ids =
    pools === null
      ? [...fleet.deployments.keys()]
      : pools.flatMap((pool) => membersOf(fleet, pool, maxTier) ?? []);
  if (ids.some((id) => isPriced(fleet, id))) return;
  const allowed = 'none, for no deployment that its lines may go to has a price';
  const values = { field: 'max_cost_usd', found: show(maxCostUsd), allowed };
  refuse('invalid_value', { param: 'max_cost_usd', values });
}

const isPriced = (fleet: Fleet, id: string): boolean =>
  (fleet.deployments.get(id)?.price ?? null) !== null;
