/**
 * The retry budgets of all deployments and of all tenants: a retry waits for its turn in both, so that neither a sick
 * deployment nor a tenant whose jobs fail wherever they go makes much more load than it had. State without a clock.
 */
import type { FailureClass } from '@sluice/job';
import { CONSEQUENCES } from './consequences.ts';
import { afterCalls, fullRetryBudget, takeRetry } from './retry-budget.ts';
import type { RetryBudget } from './retry-budget.ts';

export interface FailedCall {
  deployment: string;
  tenant: string;
  outcome: FailureClass;
}

export class RetryBudgets {
  readonly #deployments = new Map<string, RetryBudget>();
  readonly #tenants = new Map<string, RetryBudget>();

  /** A call to the deployment has ended, however. */
  called(deployment: string, now: number): void {
    this.#deployments.set(
      deployment,
      afterCalls(budgetIn(this.#deployments, deployment, now), 1, now),
    );
  }

  /** So many calls for the tenant have ended, however. */
  calledFor(tenant: string, calls: number, now: number): void {
    this.#tenants.set(tenant, afterCalls(budgetIn(this.#tenants, tenant, now), calls, now));
  }

  /** How long a retry after this failure waits for its turn, ms. A 429, a block and a crash of ours are no sickness. */
  waitFor({ deployment, tenant, outcome }: FailedCall, now: number): number {
    if (CONSEQUENCES[outcome].health !== 'failure') return 0;
    return Math.max(take(this.#deployments, deployment, now), take(this.#tenants, tenant, now));
  }
}

const budgetIn = (
  budgets: ReadonlyMap<string, RetryBudget>,
  id: string,
  now: number,
): RetryBudget => budgets.get(id) ?? fullRetryBudget(now);

function take(budgets: Map<string, RetryBudget>, id: string, now: number): number {
  const { budget, waitMs } = takeRetry(budgetIn(budgets, id, now), now);
  budgets.set(id, budget);
  return waitMs;
}

/** When a retry that waits for its turn may go: waiting for it is no reason to expire. */
export const inItsTurn = (notBeforeMs: number, waitMs: number, deadlineAt: number): number =>
  notBeforeMs + waitMs < deadlineAt ? notBeforeMs + waitMs : notBeforeMs;
