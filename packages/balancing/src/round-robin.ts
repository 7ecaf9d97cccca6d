/** `round_robin`: each in turn, whatever its weight (but 0, which never gets here), counted in jobs. */
import { mostCredit, settle } from './smooth.ts';
import type { Strategy } from './strategy.ts';

const weightOf = (): number => 1;

export const roundRobin: Strategy = {
  name: 'round_robin',
  pick: (_asked, candidates, { memory }) => mostCredit(candidates, memory, weightOf),
  remember: (memory, candidates, placed) => settle(memory, { candidates, weightOf }, placed),
};
