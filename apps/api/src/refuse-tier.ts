/** A `max_tier` that no pool has which it is meant for says nothing: 400, with what there is. */
import { tiersExceeded } from '@sluice/config';
import type { Fleet } from '@sluice/job';
import { refuse, show } from './errors.ts';

export function refuseTierBeyond(
  fleet: Fleet,
  maxTier: number | null,
  pools: readonly string[],
): void {
  const allowed = tiersExceeded(fleet, maxTier, pools);
  if (allowed === null) return;
  refuse('invalid_value', {
    param: 'max_tier',
    values: { field: 'max_tier', found: show(maxTier), allowed },
  });
}
