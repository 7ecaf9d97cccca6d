/** A mixed workload with a cheap, narrow and a dear, wide deployment: money saved, deadlines kept. */
import { simulate } from '@sluice/simulate';
import type { Job, Report } from '@sluice/simulation';
import { makePlan } from '@sluice/planning';
import type { JobClass } from '@sluice/planning';
import { installed, scenarioOf, tracePath } from './fleet.ts';
import { atLeast, atMost } from '../row.ts';
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

async function run(members: string): Promise<{ report: Report; jobs: readonly Job[] }> {
  const batch = `:at_once,deadline=${DEADLINE_MIN}m`;
  const scenario = await scenarioOf(installed(config(members)), [`${tracePath('conv')}${batch}`]);
  return { report: await simulate(scenario), jobs: scenario.jobs };
}

export async function cost(): Promise<Row[]> {
  const { report, jobs } = await run('cheap, dear');
  const alone = await run('dear');
  const spent = report.cost_usd ?? Infinity;
  const late = Object.values(report.tenants).reduce((sum, { expired }) => sum + expired, 0);
  return [
    atLeast(
      'cost below the dearest alone',
      100 * (1 - spent / (alone.report.cost_usd ?? 0)),
      60,
      ' %',
    ),
    atLeast('  of the LP’s optimum', (100 * (await optimum(jobs))) / spent, 95, ' %'),
    atMost('  jobs past their deadline', late, 0),
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
