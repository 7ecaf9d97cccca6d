export { CONSEQUENCES } from './consequences.ts';
export type { Consequence } from './consequences.ts';
export { DEFAULT_BACKOFF, backoffMs } from './backoff.ts';
export type { Backoff } from './backoff.ts';
export { afterCalls, fullRetryBudget, takeRetry } from './retry-budget.ts';
export type { RetryBudget } from './retry-budget.ts';
export { FREE_LOSSES, decideNext, spentAttempts } from './decide-next.ts';
export type { FailureFacts, NextStep } from './decide-next.ts';
