/** `round_robin`: each in turn, whatever its weight (but 0, which never gets here), counted in jobs. */
import { withoutSettings } from './settings.ts';
import { inShares } from './smooth.ts';
import type { Strategy } from './strategy.ts';

export const roundRobin: Strategy = { name: 'round_robin', ...inShares(() => 1) };

export const roundRobinKind = withoutSettings(roundRobin, 'each in turn');
