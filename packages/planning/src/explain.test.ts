import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fleet, jobClass, perMinute } from './example-problems.ts';
import { explain } from './explain.ts';
import { makePlan } from './make-plan.ts';
import type { DrainProblem, JobClass } from './problem.ts';
import { dollars, duration, listed, number, percent } from './wording.ts';

const WORDS: Record<string, string> = { short: 'short answers', long: 'long answers' };

async function explained(problem: DrainProblem) {
  const planned = await makePlan(problem);
  assert.ok(planned.kind === 'solved');
  return explain(planned.plan, { class: (id) => WORDS[id] ?? id, deployment: (id) => id });
}

const ahead = (aheadMs: number) => [
  perMinute('rpm', 300),
  { ...perMinute('tpm', 100_000), aheadMs },
];

describe('a plan in words', () => {
  test('who gets what, for which limit, and what a little more of it would bring', async () => {
    const { deployments, classes } = await explained({
      classes: [jobClass('short', 1_500, { on: ['mini@a', 'mini@b'], cost: { input: 400 } })],
      ...fleet({
        'mini@a': [perMinute('rpm', 900), perMinute('tpm', 1e6)],
        'mini@b': [perMinute('rpm', 900), perMinute('tpm', 240_000)],
      }),
    });
    assert.deepEqual(deployments, {
      'mini@a':
        'mini@a gets 60 % of short answers: its rpm is the scarce limit; 1 more request a minute would save 40 ms.',
      'mini@b':
        'mini@b gets 40 % of short answers: its tpm is the scarce limit; 1,000 more tokens a minute would save 100 ms.',
    });
    assert.deepEqual(classes, {
      short: 'short answers: 1,500 jobs, 60 % on mini@a and 40 % on mini@b, done in 1 min.',
    });
  });

  test('what is booked ahead, where that leaves something, and where nothing', async () => {
    const at = fleet({ a: ahead(0), b: ahead(60_000) });
    const [few, many] = [200, 2_000].map((jobs) => jobClass('short', jobs, { on: ['a', 'b'] }));
    assert.ok(few && many);
    const cost = { requests: 1, input: 100, output: 0 };
    const told = (one: JobClass) =>
      explained({
        classes: [
          { ...one, deployments: { a: { cost, latencyMs: 0 }, b: { cost, latencyMs: 0 } } },
        ],
        ...at,
      });
    const why =
      'its tpm is booked ahead, so nothing starts there for 1 min: a call with a large max_tokens takes so much of it at once, and so does a 429';
    assert.equal((await told(few)).deployments['b'], `b gets nothing: ${why}.`);
    const { deployments, classes } = await told(many);
    assert.match(String(deployments['b']), /^b gets 43 % of short answers: its tpm is booked/);
    assert.ok(String(deployments['b']).includes(why));
    assert.match(String(deployments['a']), /^a gets 57 % of short answers: its rpm is the scarce/);
    assert.match(String(classes['short']), /done in 3 min 50 s/);
  });

  test('shared limits by their name, free ones by their use, and who gets nothing', async () => {
    const at = fleet({
      a: [perMinute('rpm', 6_000)],
      org: [perMinute('itpm', 60_000)],
      b: [perMinute('rpm', 1e-6)],
    });
    const { deployments } = await explained({
      classes: [jobClass('long', 60, { on: ['a', 'b'], cost: { input: 1_000 }, latencyMs: 2_000 })],
      deployments: [
        { id: 'a', budgets: ['a', 'org'], concurrency: null },
        { id: 'b', budgets: ['b'], concurrency: null },
      ],
      budgets: at.budgets,
    });
    assert.equal(
      deployments['a'],
      'a gets 100 % of long answers: the itpm of org is the scarce limit; 1,000 more input tokens a minute would save 1.0 s.',
    );
    const free = await explained({
      classes: [
        jobClass('k', 10, { on: ['x', 'y'] }),
        jobClass('slow', 1, { on: ['y'], latencyMs: 60_000 }),
      ],
      deployments: [
        { id: 'x', budgets: ['x'], concurrency: 4 },
        { id: 'y', budgets: [], concurrency: null },
      ],
      budgets: fleet({ x: [] }).budgets,
    });
    assert.match(free.deployments['y'] ?? '', /: it has no limits\.$/);
  });

  test('late, unplaced and paid for', async () => {
    const paid: JobClass = {
      id: 'paid',
      jobs: 120,
      objective: 'cost',
      deadlineInMs: 60_000,
      deployments: {
        x: { cost: { requests: 1, input: 0, output: 0, usd: 0.01 }, latencyMs: 0 },
      },
    };
    const { classes } = await explained({
      classes: [paid, jobClass('homeless', 2, { on: [] })],
      ...fleet({ x: [perMinute('rpm', 60)] }),
    });
    assert.deepEqual(classes, {
      paid: 'paid: 120 jobs, 100 % on x, done in 2 min, for $1.20, 1 min after its deadline.',
      homeless: 'homeless: no deployment can run it now.',
    });
  });
});

describe('numbers', () => {
  test('durations', () => {
    const said = [0, 0.25, 999, 999.7, 2_140, 59_960, 60_000, 252_000, 3_599_900, 11_100_000].map(
      duration,
    );
    const words = '0 ms|0.25 ms|999 ms|1.0 s|2.1 s|1 min|1 min|4 min 12 s|1 h|3 h 5 min';
    assert.equal(said.join('|'), words);
  });

  test('parts, sums and lists', () => {
    assert.deepEqual([0, 0.004, 0.61, 0.996, 1].map(percent), [
      '0 %',
      'under 1 %',
      '61 %',
      'over 99 %',
      '100 %',
    ]);
    assert.deepEqual([12_000, 0.3456, 3, 99.96].map(number), ['12,000', '0.346', '3', '100']);
    assert.deepEqual([0, 0.0042, 1.2, 1_234.5].map(dollars), [
      '$0.00',
      '$0.0042',
      '$1.20',
      '$1,234.50',
    ]);
    assert.deepEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(listed), [
      'nothing',
      'a',
      'a and b',
      'a, b and c',
    ]);
  });
});
