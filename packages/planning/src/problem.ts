/** What is to be drained, over what. Plain figures; the plan knows nothing of queues, tenants or clocks. */
import type { RateDimension } from '@sluice/job';

/** Jobs alike in what they cost, and where they may run. */
export interface JobClass {
  id: string;
  jobs: number;
  /** When its last answer is wanted, ms from now; absent = no deadline. Ignored by `idealDrain`. */
  deadlineInMs?: number | null;
  /** What is saved once deadlines are met: time (default), or money. Ignored by `idealDrain`. */
  objective?: 'time' | 'cost';
  /** What its tenant's own limits hold it to; absent = nothing. */
  shaped?: Shaped | null;
  /** By id of each deployment that may run them. */
  deployments: Readonly<Record<string, Placement>>;
}

/** A tenant's own limits, or the ceiling of a batch of it: they let the jobs through at an even pace, however much room there is. */
export interface Shaped {
  /** No sooner is the last of them sent, ms. */
  ms: number;
  tenant: string;
  /** The one of them that takes longest. */
  limit: 'rpm' | 'tpm' | 'concurrency' | 'max_cost_usd';
}

/** What one job of a class takes on one deployment. */
export interface Placement {
  cost: Cost;
  /**
   * US dollars that it counts as where money is saved: deployments about equally cheap count as the same. Null = unknown; absent = what it
   * costs.
   */
  countsAsUsd?: number | null;
  /** Mean duration of a call, ms. */
  latencyMs: number;
}

/** Per job; tokens as this deployment's provider charges them. */
export interface Cost {
  requests: number;
  input: number;
  output: number;
  /** US dollars; null or absent = unknown. */
  usd?: number | null;
}

export interface PlannedDeployment {
  id: string;
  /** Every budget a call draws on. */
  budgets: readonly string[];
  /** Calls at once; null = unlimited. */
  concurrency: number | null;
}

export interface PlannedBudget {
  id: string;
  rates: readonly PlannedRate[];
  /** Calls at once over all its deployments; null = unlimited. */
  concurrency: number | null;
}

export type PlannedDimension = RateDimension | 'usd_per_day' | 'usd_per_month';

export interface PlannedRate {
  dimension: PlannedDimension;
  /** The limit as configured, requests, tokens or dollars per ms: the ideal has no safety margin. */
  perMs: number;
  /** What may be taken at once at the start, in requests, tokens or dollars. */
  burst: number;
  /** All that comes of it for so long is spoken for by calls before, ms; absent = nothing is. */
  aheadMs?: number;
}

export interface DrainProblem {
  classes: readonly JobClass[];
  deployments: readonly PlannedDeployment[];
  budgets: readonly PlannedBudget[];
}

/** What a job takes out of a limit, in the limit's unit. */
export function unitsOf(cost: Cost, dimension: PlannedDimension): number {
  if (dimension === 'usd_per_day' || dimension === 'usd_per_month') return cost.usd ?? 0;
  if (dimension === 'rpm' || dimension === 'rpd') return cost.requests;
  if (dimension === 'tpm' || dimension === 'tpd') return cost.input + cost.output;
  return dimension === 'itpm' ? cost.input : cost.output;
}

/** What makes the problem unanswerable as posed, or null: names that lead nowhere, figures that are none. */
export function mistakeIn({ classes, deployments, budgets }: DrainProblem): string | null {
  const known = new Set(deployments.map(({ id }) => id));
  const knownBudgets = new Set(budgets.map(({ id }) => id));
  for (const { id, jobs, deadlineInMs, shaped, deployments: placements } of classes) {
    if (!isAmount(jobs)) return `class ${id}: jobs is ${jobs}`;
    if (!isAmount(shaped?.ms ?? 0)) return `class ${id}: shaped.ms is ${shaped?.ms}`;
    if (!isAmount(deadlineInMs ?? 0)) return `class ${id}: deadlineInMs is ${deadlineInMs}`;
    for (const [deployment, { cost, countsAsUsd, latencyMs }] of Object.entries(placements)) {
      if (!known.has(deployment)) return `class ${id}: unknown deployment ${deployment}`;
      const usd = [cost.usd ?? 0, countsAsUsd ?? 0];
      const figures = [cost.requests, cost.input, cost.output, ...usd, latencyMs];
      if (!figures.every(isAmount)) return `class ${id} on ${deployment}: ${figures.join(', ')}`;
    }
  }
  for (const { id, budgets: drawn, concurrency } of deployments) {
    const unknown = drawn.find((budget) => !knownBudgets.has(budget));
    if (unknown !== undefined) return `deployment ${id}: unknown budget ${unknown}`;
    if (!isAmount(concurrency ?? 0)) return `deployment ${id}: concurrency is ${concurrency}`;
  }
  for (const { id, rates, concurrency } of budgets) {
    if (!isAmount(concurrency ?? 0)) return `budget ${id}: concurrency is ${concurrency}`;
    for (const { dimension, perMs, burst, aheadMs = 0 } of rates)
      if (![perMs, burst, aheadMs].every(isAmount))
        return `budget ${id}: ${dimension} is ${perMs} per ms, burst ${burst}, ${aheadMs} ms ahead`;
  }
  return null;
}

const isAmount = (value: number): boolean => Number.isFinite(value) && value >= 0;
