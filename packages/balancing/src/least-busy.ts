/**
 * `least_busy`: whoever has the fewest calls placed or running, as a part of those it takes at once. For self-hosted
 * servers, where concurrency is the limit; it does not see how long calls are nor what tokens they take.
 */
import { leastOf } from './least.ts';
import { load } from './load.ts';
import { withoutSettings } from './settings.ts';
import type { Strategy } from './strategy.ts';

const leastBusy: Strategy = {
  name: 'least_busy',
  pick: (_asked, candidates, { random }) => leastOf(candidates, random, { scoreOf: load }),
};

export const leastBusyKind = withoutSettings(
  leastBusy,
  'whoever has the fewest calls for its concurrency',
);
