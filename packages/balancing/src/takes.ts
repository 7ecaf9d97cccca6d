/**
 * Who takes work: what placement, plans, spilling and health mean by it, in production and in simulation. Pure.
 */
import type { Candidate } from './candidate.ts';

type Stands = Pick<Candidate, 'state' | 'weight'>;

/** Whether it takes calls and needs no trial first: plans reckon with it, lines wait for it. */
export const takesCalls = ({ state, weight }: Stands): boolean => state === 'active' && weight > 0;

/** Whether it takes calls of those who can say what is asked; null = all can. */
export const takesCallsOf = (
  able: ReadonlySet<string> | null,
  one: Stands & Pick<Candidate, 'id'>,
): boolean => takesCalls(one) && (able === null || able.has(one.id));

/** Whether it takes anything, be it one call at a time that tries it: as long as it does, others have somebody to go to. */
export const isUsable = ({ state, weight }: Stands): boolean =>
  weight > 0 && (state === 'active' || state === 'half_open');
