/**
 * The least drain time of 28,185 requests of the Azure traces (2023, code and conversation) over four deployments of
 * different shapes, as published with the method: 759 s from empty buckets, 699 s from full ones. And what pacing makes
 * of the plan, when jobs have their real sizes and the plan knows only the means of its classes.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { RateDimension } from '@sluice/job';
import { classOf } from './class-of.ts';
import { drain, type DrainJob } from './example-drain.ts';
import { perMinute, planOf } from './example-problems.ts';
import { placed, startPace } from './pace.ts';
import { nextPair } from './pacing.ts';
import type { DrainProblem } from './problem.ts';

const TRACES = ['code', 'conv'].map(
  (name) =>
    new URL(
      `../../../../shared/data/azure-llm-2023/AzureLLMInferenceTrace_${name}.csv`,
      import.meta.url,
    ),
);
const skip = TRACES.every((file) => existsSync(file)) ? false : 'the Azure traces are not here';

const RATES: Record<string, [RateDimension, number][]> = {
  tokens: [
    ['tpm', 600_000],
    ['rpm', 3_000],
  ],
  few: [
    ['tpm', 1_500_000],
    ['rpm', 400],
  ],
  split: [
    ['itpm', 500_000],
    ['otpm', 100_000],
  ],
  reader: [
    ['itpm', 800_000],
    ['otpm', 40_000],
  ],
};

const requests = (): { input: number; output: number }[] =>
  TRACES.flatMap((file) =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => {
        const [, input, output] = line.split(',');
        return { input: Number(input), output: Number(output) };
      }),
  );

const jobsOf = (): DrainJob[] =>
  requests().map(({ input, output }) => ({
    class: classOf({ pool: 'any', formats: 1, input, output }).key,
    cost: { requests: 1, input, output },
  }));

/** Classes by their means; `minutes`: how full the buckets are at the start. */
function problemOf(jobs: readonly DrainJob[], minutes: number): DrainProblem {
  const sums = new Map<string, { jobs: number; input: number; output: number }>();
  for (const { class: id, cost } of jobs) {
    const sum = sums.get(id) ?? { jobs: 0, input: 0, output: 0 };
    sum.jobs += 1;
    sum.input += cost.input;
    sum.output += cost.output;
    sums.set(id, sum);
  }
  const ids = Object.keys(RATES);
  return {
    classes: [...sums].map(([id, sum]) => {
      const cost = { requests: 1, input: sum.input / sum.jobs, output: sum.output / sum.jobs };
      const places = ids.map((each) => [each, { cost, latencyMs: 0 }]);
      return { id, jobs: sum.jobs, deployments: Object.fromEntries(places) };
    }),
    deployments: ids.map((id) => ({ id, budgets: [id], concurrency: null })),
    budgets: Object.entries(RATES).map(([id, rates]) => ({
      id,
      concurrency: null,
      rates: rates.map(([dimension, limit]) => perMinute(dimension, limit, limit * minutes)),
    })),
  };
}

describe('28,185 requests over four shapes', { skip }, () => {
  for (const [start, minutes, published] of [
    ['empty', 0, 759],
    ['full', 1, 699],
  ] as const)
    test(`from ${start} buckets T* is as published`, async (t) => {
      const jobs = jobsOf();
      assert.equal(jobs.length, 28_185);
      const problem = problemOf(jobs, minutes);
      const { idealMs } = await planOf(problem);
      t.diagnostic(`${problem.classes.length} classes: T* ${(idealMs / 1_000).toFixed(1)} s`);
      assert.equal(Math.round(idealMs / 1_000), published);
    });

  test('quotas kept in step drain in little more, whoever comes first takes 1.6 times as long', async (t) => {
    const jobs = jobsOf();
    const problem = problemOf(jobs, 0);
    const plan = await planOf(problem);
    const pace = startPace(plan);
    const kept = drain(problem, jobs, {
      longestMs: 3 * plan.idealMs,
      next: (facts) => {
        const pair = nextPair(pace, facts);
        if (pair) placed(pace, pair, 1);
        return pair;
      },
    });
    const order = jobs.map(({ class: id }) => id);
    let at = 0;
    const pulled = drain(problem, jobs, {
      longestMs: 3 * plan.idealMs,
      next: (facts) => {
        const deployment = Object.keys(RATES).find((id) => facts.hasRoom('', id));
        const jobClass = order[at];
        if (deployment === undefined || jobClass === undefined) return null;
        at += 1;
        return { class: jobClass, deployment };
      },
    });
    const ratio = (ms: number | null) => (ms ?? Infinity) / plan.idealMs;
    t.diagnostic(
      `÷ T*: ${ratio(kept).toFixed(3)} by the plan, ${ratio(pulled).toFixed(3)} pulled in order`,
    );
    assert.ok(ratio(kept) <= 1.04, `${ratio(kept)}`);
    assert.ok(ratio(pulled) > 1.5, `${ratio(pulled)}`);
  });
});
