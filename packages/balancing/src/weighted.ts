/** `weighted`: jobs in proportion to the configured weights, among those that can take one, evenly spread over time. */
import type { Candidate } from './candidate.ts';
import { withoutSettings } from './settings.ts';
import { inShares } from './smooth.ts';
import type { Strategy } from './strategy.ts';

const weightOf = (candidate: Candidate): number => candidate.weight;

export const weighted: Strategy = { name: 'weighted', ...inShares(weightOf) };

export const weightedKind = withoutSettings(weighted, 'in proportion to `weight`');
