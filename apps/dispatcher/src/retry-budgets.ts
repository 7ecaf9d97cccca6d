/**
 * The retry budget of every deployment, as far as this process records: it sees its part of the calls and of the failures
 * alike, so its part of the budget is right however many processes record.
 */
import type { FailureClass } from '@sluice/job';
import { CONSEQUENCES, afterCalls, fullRetryBudget, takeRetry } from '@sluice/retry';
import type { RetryBudget } from '@sluice/retry';

export class RetryBudgets {
  readonly #now: () => number;
  readonly #budgets = new Map<string, RetryBudget>();

  constructor(now: () => number) {
    this.#now = now;
  }

  #of(deployment: string): RetryBudget {
    return this.#budgets.get(deployment) ?? fullRetryBudget(this.#now());
  }

  /** A call to the deployment has ended. */
  called(deployment: string): void {
    this.#budgets.set(deployment, afterCalls(this.#of(deployment), 1, this.#now()));
  }

  /** How long a retry after this failure waits for its turn, ms. A 429, a block and a crash of ours are no sickness. */
  waitFor(deployment: string, outcome: FailureClass): number {
    if (CONSEQUENCES[outcome].health !== 'failure') return 0;
    const { budget, waitMs } = takeRetry(this.#of(deployment), this.#now());
    this.#budgets.set(deployment, budget);
    return waitMs;
  }
}
