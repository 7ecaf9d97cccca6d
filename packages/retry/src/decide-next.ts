/**
 * What becomes of a job after a failed attempt. Pure: the same facts and the same random numbers give the same
 * decision, in production and in simulation.
 *
 *   refused for good ─────────────▶ fail      (unless a later tier may try: see `nextTier`)
 *   out of attempts ──────────────▶ dead
 *   past its deadline ────────────▶ expire
 *   else ─────────────────────────▶ retry, not before …, excluding …
 */
import type { Attempt, FailureClass } from '@sluice/job';
import { backoffMs } from './backoff.ts';
import type { Backoff } from './backoff.ts';
import { CONSEQUENCES } from './consequences.ts';

/** Facts about one failed attempt. Times are absolute, in ms; durations in ms. */
export interface FailureFacts {
  /** How the attempt ended. */
  outcome: FailureClass;
  /** The job's whole history, this attempt last. */
  attempts: readonly Attempt[];
  /** `retry.max_attempts`: how many attempts may be spent (see {@link spentAttempts}). */
  maxAttempts: number;
  now: number;
  deadlineAt: number;
  /** The wait the provider asked for. */
  retryAfterMs: number | null;
  /** Whether another deployment could take the job now. Default true. */
  hasAlternative?: boolean;
  /** Whether the pool lists `outcome` in `on` and has a later tier that this job may use. Default false. */
  nextTier?: boolean;
  backoff: Readonly<Backoff>;
}

export type NextStep =
  | {
      kind: 'retry';
      where: 'here' | 'elsewhere' | 'next_tier';
      /** Absolute, ms. */
      notBeforeMs: number;
      /**
       * Deployments that failed this job for cause, the newest last. A preference: when every eligible deployment
       * is in it, placement forgets from the front rather than leave the job without one.
       */
      exclude: string[];
    }
  | { kind: 'dead' }
  | { kind: 'fail' }
  | { kind: 'expire' };

/**
 * Crashes a job survives for nothing. More look like a job that kills its worker, and such a poison pill must not
 * go round for ever (Sidekiq's super_fetch draws the same line after three).
 */
export const FREE_LOSSES = 3;
/** A success whose body is no answer was probably paid for: it is bought once more, elsewhere if possible, and not again. */
const MOST_UNREADABLE = 2;
/** A longer `retry-after` is the budget's and the block's business; a job looks again after this. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** Attempts of this history that count against `max_attempts`. */
export function spentAttempts(attempts: readonly Attempt[]): number {
  let spent = 0;
  let lost = 0;
  for (const { outcome } of attempts) {
    if (outcome === 'lost') lost += 1;
    else if (outcome !== 'ok' && CONSEQUENCES[outcome].costsAttempt) spent += 1;
  }
  return spent + Math.max(0, lost - FREE_LOSSES);
}

const unreadableAnswers = (attempts: readonly Attempt[]): number =>
  attempts.filter(
    ({ outcome, status_code: status }) =>
      outcome === 'provider_error' && status !== null && status >= 200 && status < 300,
  ).length;

/** Decides what happens to a job whose last attempt failed. Never throws. */
export function decideNext(facts: FailureFacts, random: () => number): NextStep {
  const { next } = CONSEQUENCES[facts.outcome];
  if (next === 'never' || (next === 'next_tier' && facts.nextTier !== true))
    return { kind: 'fail' };
  if (spentAttempts(facts.attempts) >= facts.maxAttempts) return { kind: 'dead' };
  if (unreadableAnswers(facts.attempts) >= MOST_UNREADABLE) return { kind: 'dead' };
  if (facts.now >= facts.deadlineAt) return { kind: 'expire' };
  const notBeforeMs = facts.now + waitMs(facts, random);
  return { kind: 'retry', where: next, notBeforeMs, exclude: exclusions(facts.attempts) };
}

/**
 * A blocked deployment is out of the running and a later tier is another model: nothing is gained by waiting.
 * Otherwise the window doubles with every failure of the job. The provider's wish is for the deployment that
 * uttered it, so it holds the job only where there is no other. All waits end before the deadline: until then another
 * deployment may become usable, and what holds this one back (its budget's pause, its breaker) does so by itself.
 */
function waitMs(facts: FailureFacts, random: () => number): number {
  const { blocks, next } = CONSEQUENCES[facts.outcome];
  if (blocks || next === 'next_tier') return 0;
  const left = facts.deadlineAt - facts.now;
  const { baseMs, capMs } = facts.backoff;
  const backoff = { baseMs, capMs: Math.min(capMs, left) };
  const wait = backoffMs(waitingFailures(facts.attempts), random, backoff);
  if (facts.hasAlternative !== false || facts.retryAfterMs === null) return wait;
  const asked = Math.min(facts.retryAfterMs, LONGEST_RETRY_AFTER_MS);
  return asked < left ? Math.max(wait, asked) : wait;
}

/** Failures that make a job wait longer: all but blocks, which say nothing about when to come back. */
function waitingFailures(attempts: readonly Attempt[]): number {
  return attempts.filter(({ outcome }) => outcome !== 'ok' && !CONSEQUENCES[outcome].blocks).length;
}

/**
 * Crashes exclude nobody. A 429 excludes for the next attempt only: its budget knows when there is room again, and
 * a job must not leave its tier because of a full budget (contract: Tiers).
 */
function exclusions(attempts: readonly Attempt[]): string[] {
  const newestLast = new Set<string>();
  attempts.forEach(({ deployment, outcome }, index) => {
    if (outcome === 'ok' || outcome === 'lost') return;
    if (outcome === 'rate_limited' && index !== attempts.length - 1) return;
    newestLast.delete(deployment);
    newestLast.add(deployment);
  });
  return [...newestLast];
}
