/**
 * How many retries a deployment may cause: a fifth of its calls, and a small reserve over time. Beyond it retries wait
 * their turn: when much fails at once, trying all of it again at once is what keeps a system down (facts/algorithms 4.3).
 * A token is the right to one retry. Pure.
 */

export const RETRY_BUDGET = {
  /** Tokens that a call brings. */
  perCall: 0.2,
  /** Tokens that time brings. */
  perSecond: 10,
  /** What can be saved up, and what there is at first. */
  most: 100,
} as const;

/** Below 0: retries that wait. */
export interface RetryBudget {
  tokens: number;
  /** When it was last looked at, ms. */
  at: number;
}

export const fullRetryBudget = (now: number): RetryBudget => ({
  tokens: RETRY_BUDGET.most,
  at: now,
});

function at({ tokens, at: before }: RetryBudget, now: number): RetryBudget {
  const more = (Math.max(0, now - before) * RETRY_BUDGET.perSecond) / 1_000;
  return { tokens: Math.min(RETRY_BUDGET.most, tokens + more), at: Math.max(before, now) };
}

/** After `calls` calls have ended, however. */
export function afterCalls(budget: RetryBudget, calls: number, now: number): RetryBudget {
  const { tokens, at: moment } = at(budget, now);
  return { tokens: Math.min(RETRY_BUDGET.most, tokens + calls * RETRY_BUDGET.perCall), at: moment };
}

/** Takes the right to one retry; `waitMs`: how long it has to wait for it at most, for calls bring more. */
export function takeRetry(
  budget: RetryBudget,
  now: number,
): { budget: RetryBudget; waitMs: number } {
  const { tokens, at: moment } = at(budget, now);
  const left = tokens - 1;
  const waitMs = left >= 0 ? 0 : Math.ceil((-left * 1_000) / RETRY_BUDGET.perSecond);
  return { budget: { tokens: left, at: moment }, waitMs };
}
