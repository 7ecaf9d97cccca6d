/** A mixed workload with a cheap, narrow and a dear, wide deployment: money saved, deadlines kept. */
import { makePlan } from '@sluice/planning';
import type { JobClass } from '@sluice/planning';
import { Engine } from '@sluice/simulation';
import type { Job, Run } from '@sluice/simulation';
import { installed, scenarioOf, tracePath } from './fleet.ts';
import { atLeast, atMost, beside } from '../row.ts';
import type { Row } from '../row.ts';

/** Prices a tenth of the dear one's; so narrow that it cannot do all by the deadline. */
const CHEAP = { tpm: 500_000, price: 1 };
const DEAR = { tpm: 2_000_000, price: 10 };
const DEADLINE_MIN = 42;

const config = (members: string) => `
providers: { p: { type: openai, base_url: "http://p/v1", accounting: { output: actual } } }
deployments:
  cheap: { provider: p, model: m, limits: { tpm: ${CHEAP.tpm} }, price: { input: ${CHEAP.price}, output: ${CHEAP.price} } }
  dear: { provider: p, model: m, limits: { tpm: ${DEAR.tpm} }, price: { input: ${DEAR.price}, output: ${DEAR.price} } }
pools: { fast: { strategy: cost, tiers: [[${members}]] } }
`;

async function run(members: string): Promise<{ run: Run; usd: number; jobs: readonly Job[] }> {
  const batch = `:at_once,deadline=${DEADLINE_MIN}m`;
  const scenario = await scenarioOf(installed(config(members)), [`${tracePath('conv')}${batch}`]);
  const ended = await new Engine(scenario).run();
  const usd = [...ended.calls.values()].reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0);
  return { run: ended, usd, jobs: scenario.jobs };
}

export async function cost(): Promise<Row[]> {
  const both = await run('cheap, dear');
  const dear = await run('dear');
  const { tasks } = both.run;
  const expired = tasks.filter(({ end }) => end?.kind !== 'succeeded').length;
  const afterMs = tasks.map(({ end, deadlineAt }) => (end?.at ?? Infinity) - deadlineAt);
  const late = afterMs.filter((ms) => ms > 0);
  return [
    atLeast('cost below the dearest alone', 100 * (1 - both.usd / dear.usd), 60, ' %'),
    atLeast('  of the LP’s optimum', (100 * (await optimum(both.jobs))) / both.usd, 95, ' %'),
    atMost('  jobs past their deadline', expired, 0),
    beside(
      '  begun before it and answered after it',
      `${late.length - expired} of ${tasks.length}, by ${Math.round(Math.max(0, ...afterMs))} ms`,
    ),
  ];
}

/** Least money with every length known, by the same program. */
async function optimum(jobs: readonly Job[]): Promise<number> {
  const total = (of: (job: Job) => number): number => jobs.reduce((sum, job) => sum + of(job), 0);
  const input = total((job) => job.inputTokens) / jobs.length;
  const output = total((job) => job.outputTokens) / jobs.length;
  const place = ({ price }: { price: number }) => ({
    cost: { requests: 1, input, output, usd: ((input + output) * price) / 1e6 },
    latencyMs: 0,
  });
  const all: JobClass = {
    id: 'all',
    jobs: jobs.length,
    deadlineInMs: DEADLINE_MIN * 60_000,
    objective: 'cost',
    deployments: { cheap: place(CHEAP), dear: place(DEAR) },
  };
  const planned = await makePlan({
    classes: [all],
    deployments: ['cheap', 'dear'].map((id) => ({ id, budgets: [id], concurrency: null })),
    budgets: Object.entries({ cheap: CHEAP, dear: DEAR }).map(([id, { tpm }]) => ({
      id,
      concurrency: null,
      rates: [{ dimension: 'tpm', perMs: tpm / 60_000, burst: tpm / 60 }],
    })),
  });
  if (planned.kind === 'failed') throw new Error(planned.reason);
  return planned.plan.costUsd ?? Number.NaN;
}
