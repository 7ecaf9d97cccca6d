/** Interactive jobs with half of the budget, a batch behind them that takes all the rest. */
import { simulate } from '@sluice/simulate';
import type { Job, Report } from '@sluice/simulation';
import { drawn } from '@sluice/simulation';
import { SEED, installed, jobOf, realSizes, scenarioOf, tracePath } from './fleet.ts';
import { atLeast, atMost } from '../row.ts';
import type { Row } from '../row.ts';

const MINUTES = 10;
const TPM = 2_000_000;
/** Mean tokens of a conversation request. */
const MEAN = 1_366;

const fleet = (tpm: number) =>
  installed(`
providers: { p: { type: openai, base_url: "http://p/v1", accounting: { output: actual } } }
deployments: { d: { provider: p, model: m, limits: { tpm: ${tpm} } } }
pools: { fast: [d] }
`);

/** Arrivals at a mean rate, without memory. */
async function poisson(perMs: number): Promise<Job[]> {
  const sizes = await realSizes();
  const jobs: Job[] = [];
  for (let at = 0, i = 0; at < MINUTES * 60_000; i += 1) {
    at -= Math.log(1 - drawn(i, 98 + SEED)) / perMs;
    jobs.push(jobOf({ ...sizes[i % sizes.length], at, priority: 'interactive', tenant: 'live' }));
  }
  return jobs;
}

/** As much as the whole budget could do meanwhile: it never runs out. */
async function backlog(tpm: number, minutes: number): Promise<Job[]> {
  const sizes = await realSizes();
  const count = Math.ceil((tpm * minutes) / MEAN);
  return Array.from({ length: count }, (_, i) =>
    jobOf({ ...sizes[(i * 7) % sizes.length], batch: 'backlog', tenant: 'batch' }),
  );
}

async function report(tpm: number, jobs: Job[]): Promise<Report> {
  const about = await scenarioOf(fleet(tpm), []);
  return simulate({ ...about, jobs: jobs.toSorted((a, b) => a.at - b.at) });
}

export async function interactive(): Promise<Row[]> {
  const live = await poisson(TPM / 2 / MEAN / 60_000);
  const mixed = await report(TPM, [...live, ...(await backlog(TPM, MINUTES))]);
  return [
    atMost(
      'interactive wait p99, Poisson, batch behind',
      mixed.tenants['live']?.wait_ms.p99 ?? Infinity,
      50,
      ' ms',
    ),
    atLeast('  of the limit used', (mixed.utilisation['d']?.tpm ?? 0) * 100, 97, ' %'),
    ...(await withTrace()),
  ];
}

/** The conversation trace's hour as the interactive half. */
async function withTrace(): Promise<Row[]> {
  const about = await scenarioOf(fleet(1), [
    `${tracePath('conv')}:priority=interactive,tenant=live`,
  ]);
  const live = [...about.jobs];
  const minutes = (live.at(-1) as Job).at / 60_000;
  const tokens = live.reduce((sum, job) => sum + job.inputTokens + job.outputTokens, 0);
  const tpm = Math.round((2 * tokens) / minutes);
  const alone = await report(tpm, live);
  const mixed = await report(tpm, [...live, ...(await backlog(tpm, minutes))]);
  const before = alone.tenants['live']?.wait_ms.p99 ?? 0;
  const most = before * 1.1 + 50;
  return [
    atMost(
      '  the same with the conversation trace',
      mixed.tenants['live']?.wait_ms.p99 ?? Infinity,
      most,
      ' ms',
    ),
    atLeast('  of the limit used', (mixed.utilisation['d']?.tpm ?? 0) * 100, 97, ' %'),
  ];
}
