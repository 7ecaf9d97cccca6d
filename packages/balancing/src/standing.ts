/** What a deployment's breaker, its block and the operator's wish mean together for placement. */
import { type Block, isDue } from './block.ts';
import { BREAKER, type Breaker } from './breaker.ts';
import type { Candidate } from './candidate.ts';

export interface Health {
  /** The operator's wish: stronger than anything measured. */
  wish: 'active' | 'draining' | 'paused';
  block: Block | null;
  breaker: Breaker;
  /** Much slower than its peers: it counts with half its weight. */
  slow?: boolean;
  /** A limit of its own per day or month has nothing left until then, ms; absent = none. */
  usedUpUntil?: number;
}

/** What comes back sooner is waited for as any other limit. */
const WAITED_FOR_MS = 60_000;

/** When a deployment on which nothing starts for so long (a provider's pause set aside) has something left again. */
export const usedUpUntil = (pausedForMs: number, now: number): number =>
  pausedForMs > WAITED_FOR_MS ? now + pausedForMs : 0;

export type Standing = Pick<Candidate, 'state'> & Required<Pick<Candidate, 'probe'>>;

/**
 * The state to put into a {@link Candidate}. A block that is due for its retry stands as half open to anyone: a
 * refusal costs the job no attempt. One whose day is used up is paused: nobody waits for hours for what others can do. Look at the breaker first (`afterLook`), for its back-off may just have ended.
 */
export function standing(
  { wish, block, breaker, usedUpUntil: until = 0 }: Health,
  now: number,
): Standing {
  if (wish !== 'active') return { state: wish, probe: 'batch' };
  if (block) return isDue(block, now) ? halfOpen('any') : { state: 'blocked', probe: 'batch' };
  if (until > now) return { state: 'paused', probe: 'batch' };
  if (breaker.kind === 'closed') return { state: 'active', probe: 'batch' };
  if (breaker.kind === 'open') return { state: 'broken', probe: 'batch' };
  return halfOpen(now - breaker.since >= BREAKER.probeByAnyMs ? 'any' : 'batch');
}

/** Whether time alone leaves it standing as it does now. */
export const standsStill = (
  { wish, block, breaker, usedUpUntil: until = 0 }: Health,
  now: number,
): boolean => wish !== 'active' || (block === null && until <= now && breaker.kind !== 'half_open');

const halfOpen = (probe: Standing['probe']): Standing => ({ state: 'half_open', probe });
