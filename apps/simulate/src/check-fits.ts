/** Refuses what no deployment could ever do: a job that takes more than a whole day's limit would wait for ever. */
import type { Fleet, Limits } from '@sluice/job';
import type { Job } from '@sluice/simulation';
import { InputMistake } from './mistake.ts';
import { membersIn } from './read-batch.ts';

type Sized = Pick<Job, 'pool' | 'eligible' | 'inputTokens' | 'outputTokens' | 'maxOutput'>;

/** Throws InputMistake that names the pool, the first such job's tokens and the limits. */
export function checkFits(fleet: Fleet, jobs: readonly Sized[]): void {
  const most = new Map<string, number>();
  for (const job of jobs) {
    const tokens = tokensOf(job);
    const able = membersIn(fleet, job.pool).filter(({ id }) => job.eligible?.has(id) ?? true);
    const known =
      most.get(job.pool) ?? Math.max(0, ...able.map(({ budgets }) => mostTokens(fleet, budgets)));
    if (job.eligible === null) most.set(job.pool, known);
    if (tokens > known)
      throw new InputMistake(
        `pool ${job.pool}: a job of ${tokens} tokens never fits, for its deployments may use at most ${known} tokens a day (${able
          .flatMap(({ budgets }) => budgets)
          .filter((id) => limitsOf(fleet, id).tpd !== undefined)
          .map((id) => `tpd of budget ${id}: ${limitsOf(fleet, id).tpd}`)
          .join(', ')})`,
      );
  }
}

const tokensOf = ({ inputTokens, outputTokens, maxOutput }: Sized): number =>
  inputTokens + Math.min(outputTokens, maxOutput ?? Infinity);

const limitsOf = (fleet: Fleet, id: string): Limits => fleet.budgets.get(id)?.limits ?? {};

const mostTokens = (fleet: Fleet, budgets: readonly string[]): number =>
  Math.min(Infinity, ...budgets.map((id) => limitsOf(fleet, id).tpd ?? Infinity));
