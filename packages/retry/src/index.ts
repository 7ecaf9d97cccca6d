export { CONSEQUENCES } from './consequences.ts';
export type { Consequence } from './consequences.ts';
export { backoffMs } from './backoff.ts';
export type { Backoff } from './backoff.ts';
export { RetryBudgets, inItsTurn } from './retry-budgets.ts';
export { FREE_LOSSES, decideNext, spentAttempts } from './decide-next.ts';
export type { FailureFacts, NextStep } from './decide-next.ts';
export { decideInPool } from './decide-in-pool.ts';
export type { Verdict } from './decide-in-pool.ts';
