/** Refuses what no deployment could ever do: it would wait for ever. */
import type { Deployment, Fleet } from '@sluice/job';
import type { Job } from '@sluice/simulation';
import { InputMistake } from './mistake.ts';
import { membersIn } from './read-batch.ts';

type Sized = Pick<Job, 'pool' | 'eligible' | 'inputTokens' | 'outputTokens' | 'maxOutput'>;

/** Limits that no single job may be larger than, and the unit that each counts. */
const WHOLE_LIMITS = { tpd: 'tokens', usd_per_day: 'usd', usd_per_month: 'usd' } as const;
type WholeLimit = keyof typeof WHOLE_LIMITS;
const NAMES = Object.keys(WHOLE_LIMITS) as WholeLimit[];

/** Throws InputMistake that names the pool, and of the first such job the tokens and the limits in its way. */
export function checkFits(fleet: Fleet, jobs: readonly Sized[]): void {
  const members = new Map<string, Deployment[]>();
  for (const job of jobs) {
    const known = members.get(job.pool) ?? membersIn(fleet, job.pool);
    members.set(job.pool, known);
    const able = known.filter(({ id }) => job.eligible?.has(id) ?? true);
    const working = able.filter(({ weight }) => weight > 0);
    if (working.length === 0)
      throw new InputMistake(
        `pool ${job.pool}: found weight 0 of ${able.map(({ id }) => id).join(', ')}, which takes no work; allowed: a weight above 0 of at least one of them`,
      );
    const inTheWay = working.map((deployment) => exceeded(fleet, deployment, job));
    if (inTheWay.every((limits) => limits.length > 0)) throw tooLarge(job, inTheWay.flat());
  }
}

const tokensOf = ({ inputTokens, outputTokens, maxOutput }: Sized) => ({
  input: inputTokens,
  output: Math.min(outputTokens, maxOutput ?? Infinity),
});

/** The limits of the deployment's budgets that the job alone is larger than, in words. */
function exceeded({ budgets }: Fleet, { budgets: drawn, price }: Deployment, job: Sized): string[] {
  const { input, output } = tokensOf(job);
  const usd = price === null ? 0 : (input * price.input + output * price.output) / 1_000_000;
  const takes = { tokens: input + output, usd };
  return drawn.flatMap((id) =>
    NAMES.flatMap((name) => {
      const limit = budgets.get(id)?.limits[name];
      if (limit === undefined || takes[WHOLE_LIMITS[name]] <= limit) return [];
      const costs = WHOLE_LIMITS[name] === 'usd' ? `, and it costs $${usd}` : '';
      return [`${name} of budget ${id}: ${limit}${costs}`];
    }),
  );
}

function tooLarge(job: Sized, limits: readonly string[]): InputMistake {
  const { input, output } = tokensOf(job);
  const all = [...new Set(limits)].join('; ');
  return new InputMistake(
    `pool ${job.pool}: a job of ${input + output} tokens never fits into the whole limits of its deployments (${all})`,
  );
}
