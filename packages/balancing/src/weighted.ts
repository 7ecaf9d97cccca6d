/** `weighted`: jobs in proportion to the configured weights, among those that can take one, evenly spread over time. */
import type { Candidate } from './candidate.ts';
import { mostCredit, settle } from './smooth.ts';
import type { Strategy } from './strategy.ts';

const weightOf = (candidate: Candidate): number => candidate.weight;

export const weighted: Strategy = {
  name: 'weighted',
  pick: (_asked, candidates, { memory }) => mostCredit(candidates, memory, weightOf),
  remember: (memory, candidates, placed) => settle(memory, { candidates, weightOf }, placed),
};
