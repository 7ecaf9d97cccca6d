/** What becomes of a job whose call has ended: its tenant pays what it really cost, or it is tried again, or it is over. */
import { keptTiers } from '@sluice/balancing';
import { settled } from '@sluice/fairness';
import type { Attempt, FailureClass, Fleet, Pool } from '@sluice/job';
import { RetryBudgets, decideInPool, inItsTurn } from '@sluice/retry';
import type { Agenda } from './agenda.ts';
import type { Backlog } from './backlog.ts';
import type { Ended } from './calls.ts';
import type { Settings } from './scenario.ts';
import type { Task, TaskEnd } from './task.ts';
import type { TurnPrices } from './turn-prices.ts';

export interface AfterCallPorts {
  fleet: Fleet;
  settings: Pick<Settings, 'maxAttempts' | 'backoff'>;
  agenda: Agenda;
  backlog: Backlog;
  prices: TurnPrices;
  random: () => number;
  end: (task: Task, kind: TaskEnd, deployment: string | null) => void;
  /** It waits for a place again from then on. */
  waitFrom: (at: number, task: Task) => void;
}

export class AfterCall {
  readonly #ports: AfterCallPorts;
  readonly #retries = new RetryBudgets();

  constructor(ports: AfterCallPorts) {
    this.#ports = ports;
  }

  answered(ended: Ended): void {
    const { deployment, task, ending, actual } = ended;
    const { agenda, backlog, end, prices } = this.#ports;
    const { now } = agenda;
    backlog.noLongerUnderWay(task);
    this.#retries.called(deployment.id, now);
    this.#retries.calledFor(task.job.tenant, 1, now);
    if (actual === null) return this.#failed(ended);
    // A tenant pays what its job really cost.
    if (task.charged) {
      const ms = prices.workMs(task, actual, ending.takesMs);
      const { tenant } = task.job;
      const { turns, shaped } = backlog;
      settled(turns, { tenant, band: task.charged.band }, ms - task.charged.ms);
      task.charged.ms = ms;
      const tokens = actual.input + actual.output - task.charged.tokens;
      shaped.sent(tenant, { requests: 0, tokens }, now);
    }
    end(task, 'succeeded', deployment.id);
  }

  #failed({ deployment, task, ending, startedAt }: Ended): void {
    const { agenda, end, fleet, random, settings, waitFrom } = this.#ports;
    const { now } = agenda;
    task.attempts.push(attemptOf({ deployment, task, ending, startedAt }));
    const pool = fleet.pools.get(task.job.pool) as Pool;
    const { maxAttempts, backoff } = settings;
    const { attempts, deadlineAt } = task;
    const failed = attempts.at(-1) as Attempt;
    const verdict = decideInPool(
      {
        outcome: failed.outcome as FailureClass,
        deployment: failed.deployment,
        attempts,
        retryAfterMs: ending.retryAfterMs,
        pool: { on: pool.on, tiers: keptTiers(pool, failed.deployment) },
        maxTier: task.job.maxTier ?? null,
        maxAttempts,
        backoff,
        now,
        deadlineAt,
      },
      random,
    );
    if (verdict.kind === 'expire') return end(task, 'expired', null);
    if (verdict.kind !== 'retry') return end(task, 'failed', deployment.id);
    task.exclude = verdict.exclude;
    task.minTier = verdict.minTier;
    const { outcome, deployment: id } = failed;
    const call = { deployment: id, tenant: task.job.tenant, outcome: outcome as FailureClass };
    const waitMs = this.#retries.waitFor(call, now);
    waitFrom(inItsTurn(verdict.notBeforeMs, waitMs, deadlineAt), task);
  }
}

const attemptOf = ({ deployment, task, ending, startedAt }: Omit<Ended, 'actual'>): Attempt => ({
  deployment: deployment.id,
  provider: deployment.provider.id,
  started_at: startedAt / 1_000,
  queued_ms: Math.round(startedAt - task.waitingSince),
  took_ms: Math.round(ending.takesMs),
  outcome: ending.outcome,
  status_code: null,
  usage: null,
  cost_usd: null,
  error: ending.outcome,
});
