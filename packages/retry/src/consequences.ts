/**
 * What each failure class means: for the job (where next, does it cost an attempt) and for the deployment
 * (health, block, budget). One row per class; everything that reacts to a failure reads this table and nothing
 * else. Sources: design.md "What must always hold" 3 and 4, "Outcomes"; wire-spec 4.2.
 */
import type { FailureClass } from '@sluice/job';

export interface Consequence {
  /**
   * Where the job may go: the same deployment again, any other, only a later tier (and only if the pool lists
   * the class in `on`: without that it fails), or nowhere.
   */
  next: 'here' | 'elsewhere' | 'next_tier' | 'never';
  /** Whether it counts against `retry.max_attempts`. */
  costsAttempt: boolean;
  /** Whether the deployment's breaker counts it. */
  health: 'failure' | 'neutral';
  /** The deployment gets nothing until a probe succeeds or the config changes; the class is the reason shown. */
  blocks: boolean;
  /** The budget it drew on is slowed down (by `retry-after` where given). */
  slowsBudget: boolean;
}

const SICK = {
  next: 'elsewhere',
  costsAttempt: true,
  health: 'failure',
  blocks: false,
  slowsBudget: false,
} as const;

const BLOCKED = {
  next: 'elsewhere',
  costsAttempt: false,
  health: 'neutral',
  blocks: true,
  slowsBudget: false,
} as const;

/** The request itself is at fault: asking again, here or elsewhere, buys the same refusal. */
const REFUSED = {
  next: 'never',
  costsAttempt: true,
  health: 'neutral',
  blocks: false,
  slowsBudget: false,
} as const;

export const CONSEQUENCES: Readonly<Record<FailureClass, Readonly<Consequence>>> = {
  // "A 429 slows a budget down; it never opens a breaker", and costs no attempt.
  rate_limited: { ...BLOCKED, blocks: false, slowsBudget: true },
  quota_exhausted: BLOCKED,
  credential: BLOCKED,
  model_gone: BLOCKED,
  overloaded: SICK,
  timeout: SICK,
  network: SICK,
  provider_error: SICK,
  bad_request: REFUSED,
  // A larger or more lenient model may take it, but that is the pool owner's choice, never a default (wire-spec 4.2).
  context_too_long: { ...REFUSED, next: 'next_tier' },
  content_refused: { ...REFUSED, next: 'next_tier' },
  // Our own crash says nothing about the deployment, and the job must not pay for it; decide-next.ts bounds how often.
  lost: { ...SICK, next: 'here', costsAttempt: false, health: 'neutral' },
};
