/**
 * Trials of a half-open deployment: one job at a time, and batch jobs one every ten seconds even while the one before has
 * not ended, for a trial that began just before the deployment came back may hang for as long as its timeout. Pure.
 */
import type { Standing } from './standing.ts';

const TRIAL = {
  /** A trial that has not ended after so long keeps off no further batch job. */
  patienceMs: 10_000,
  /** Beyond the deployment's timeout: then a trial of which nothing is heard counts as ended. */
  marginMs: 5_000,
} as const;

/** The newest job placed on a half-open deployment. */
export interface LastTrial {
  /** When it was placed, ms. */
  at: number;
  /** Whether a trial has ended since. */
  ended: boolean;
  /** The deployment's timeout. */
  timeoutMs: number;
}

/** How many trials count as under way, and who may try. */
export interface Trying extends Pick<Standing, 'probe'> {
  underWay: 0 | 1;
}

export function trying(
  { at, ended, timeoutMs }: LastTrial,
  { probe }: Pick<Standing, 'probe'>,
  now: number,
): Trying {
  const outMs = now - at;
  if (ended || outMs >= timeoutMs + TRIAL.marginMs) return { underWay: 0, probe };
  return outMs < TRIAL.patienceMs ? { underWay: 1, probe } : { underWay: 0, probe: 'batch' };
}
