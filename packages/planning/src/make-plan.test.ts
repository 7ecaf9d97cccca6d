import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fleet, jobClass, perMinute, planOf } from './example-problems.ts';
import { makePlan } from './make-plan.ts';
import type { JobClass } from './problem.ts';

/** Equal to a hundred-thousandth, or to a hundredth where that is more. */
function near(actual: number | null | undefined, expected: number, what = ''): void {
  const off = Math.abs((actual ?? Number.NaN) - expected);
  assert.ok(
    off <= Math.max(1e-2, Math.abs(expected) * 1e-5),
    `${what} ${actual} is not ${expected}`,
  );
}

const within = (jobs: JobClass, about: Partial<JobClass>): JobClass => ({ ...jobs, ...about });
const aSecond = perMinute('rpm', 60);

describe('time', () => {
  test('quotas are what T* sends where, and every class is done when they are', async () => {
    const on = ['calls', 'tokens'];
    const plan = await planOf({
      classes: [
        jobClass('short', 6_000, { on, cost: { input: 10 } }),
        jobClass('long', 600, { on, cost: { input: 10_000 } }),
      ],
      ...fleet({
        calls: [perMinute('rpm', 6_000), perMinute('tpm', 60_000)],
        tokens: [perMinute('rpm', 600), perMinute('tpm', 6_000_000)],
      }),
    });
    near(plan.idealMs, 60_000);
    near(plan.plannedMs, 60_000);
    near(plan.quotas['short']?.['calls'], 6_000);
    near(plan.quotas['long']?.['tokens'], 600);
    near(plan.finishMs['short'], 60_000);
  });

  test('pools that share nothing have an end of their own', async () => {
    const plan = await planOf({
      classes: [jobClass('a', 60, { on: ['x'] }), jobClass('b', 600, { on: ['y', 'z'] })],
      ...fleet({ x: [aSecond], y: [aSecond], z: [perMinute('rpm', 120)] }),
    });
    near(plan.finishMs['a'], 60_000);
    near(plan.finishMs['b'], 200_000);
    near(plan.idealMs, 200_000);
  });

  test('what shares nothing scarce with the slowest class does not wait for it', async () => {
    const plan = await planOf({
      classes: [
        jobClass('slow', 600, { on: ['x'] }),
        jobClass('quick', 60, { on: ['x', 'y', 'z'] }),
      ],
      ...fleet({ x: [aSecond], y: [aSecond], z: [aSecond] }),
    });
    near(plan.finishMs['slow'], 600_000);
    near(plan.finishMs['quick'], 30_000);
    near(plan.quotas['quick']?.['y'], 30);
  });

  test('each limit says how full it is, what hangs on it and what a little more would bring', async () => {
    const plan = await planOf({
      classes: [jobClass('k', 100, { on: ['a'], cost: { input: 100 } })],
      ...fleet({ a: [aSecond, perMinute('tpm', 60_000)] }),
    });
    const [rpm, tpm] = plan.rows;
    assert.ok(rpm && tpm);
    near(rpm.used, 1);
    near(rpm.price, 1_000, 'one more request at the start saves a second:');
    // 100 jobs at 61 instead of 60 a minute: 1.64 s less; at the margin 100 s × 1 ÷ 60.
    near(rpm.savesMs, 1_666.67);
    assert.deepEqual(rpm.usedBy, { a: 100 });
    near(tpm.used, 0.1);
    assert.deepEqual([rpm.binding, tpm.binding, tpm.price, tpm.savesMs], [true, false, 0, 0]);
  });

  test('a class that nothing can run is named and holds up no other', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'] }),
        jobClass('homeless', 3, { on: [] }),
        jobClass('closed', 3, { on: ['off'] }),
        jobClass('none', 0, { on: [] }),
      ],
      ...fleet({ x: [aSecond], off: [perMinute('rpm', 0)] }),
    });
    assert.deepEqual(plan.unplaced, ['homeless', 'closed']);
    assert.deepEqual(Object.keys(plan.quotas), ['a']);
  });

  test('nothing to do is a plan, a malformed problem is none', async () => {
    const plan = await planOf({ classes: [], ...fleet({ a: [aSecond] }) });
    assert.deepEqual([plan.idealMs, plan.plannedMs, plan.costUsd, plan.pairs], [0, 0, 0, []]);
    const bad = await makePlan({
      classes: [within(jobClass('k', 1, { on: ['a'] }), { deadlineInMs: -1 })],
      ...fleet({ a: [aSecond] }),
    });
    assert.deepEqual(bad, { kind: 'failed', reason: 'class k: deadlineInMs is -1' });
    const tooMuch = await makePlan({
      classes: [jobClass('k', 11, { on: ['a'] })],
      ...fleet({ a: [perMinute('rpm', 0, 10)] }),
    });
    assert.equal(tooMuch.kind, 'failed');
  });
});

const asMany = (id: string, tokens: number, deadlineInMs: number): JobClass =>
  within(jobClass(id, 100, { on: ['x'], cost: { input: tokens } }), { deadlineInMs });

describe('deadlines', () => {
  const one = fleet({ x: [aSecond] });

  test('what has one goes first, the rest takes no longer for it', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'] }),
        within(jobClass('b', 50, { on: ['x'] }), { deadlineInMs: 60_000 }),
      ],
      ...one,
    });
    assert.deepEqual(plan.late, []);
    near(plan.finishMs['b'], 60_000);
    near(plan.plannedMs, 150_000);
  });

  test('one that cannot be met is said, with by how much, and missed by no more', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'] }),
        within(jobClass('b', 50, { on: ['x'] }), { deadlineInMs: 40_000 }),
      ],
      ...one,
    });
    const [late, ...others] = plan.late;
    assert.deepEqual([late?.class, late?.deadlineInMs, others], ['b', 40_000, []]);
    near(late?.lateByMs, 10_000);
    near(plan.finishMs['b'], 50_000);
  });

  test('a class that cannot be in time does not make others late', async () => {
    const plan = await planOf({
      classes: [
        within(jobClass('huge', 1_000, { on: ['x'] }), { deadlineInMs: 40_000 }),
        within(jobClass('small', 10, { on: ['x'] }), { deadlineInMs: 60_000 }),
      ],
      ...one,
    });
    assert.deepEqual(
      plan.late.map((each) => each.class),
      ['huge'],
    );
    near(plan.finishMs['huge'], 1_010_000);
  });

  /** Short ones need its requests, long ones its tokens. */
  const two = fleet({ x: [aSecond, perMinute('tpm', 6_000)] });

  test('what is due together and cannot be in time ends as soon as without a deadline, its short jobs not first', async () => {
    const without = await planOf({
      classes: [asMany('short', 10, 1e9), asMany('long', 190, 1e9)],
      ...two,
    });
    for (const due of [0.2, 0.5, 0.95]) {
      const deadlineInMs = due * without.plannedMs;
      const plan = await planOf({
        classes: [asMany('short', 10, deadlineInMs), asMany('long', 190, deadlineInMs)],
        ...two,
      });
      near(plan.plannedMs, without.plannedMs);
    }
  });

  test('what is late does not end as late as what is due later, nor make that late', async () => {
    const soon = byCost('k', 100, { deadlineInMs: 30_000 });
    const places = fleet({ cheap: [aSecond], dear: [perMinute('rpm', 60)] });
    const later = byCost('later', 10, { deadlineInMs: 3_600_000 });
    const plan = await planOf({ classes: [soon, later], ...places });
    near(plan.finishMs['k'], 51_000);
    assert.deepEqual(
      plan.late.map((each) => each.class),
      ['k'],
    );
    near(plan.costByClass['later'], 10);
  });

  test('calls to a deployment that answers too late do not count as in time', async () => {
    const quick = jobClass('k', 10, { on: ['quick'], latencyMs: 1_000 });
    const { quick: placement } = quick.deployments;
    assert.ok(placement);
    const slow = { ...placement, latencyMs: 50_000 };
    const plan = await planOf({
      classes: [{ ...quick, deadlineInMs: 12_000, deployments: { quick: placement, slow } }],
      ...fleet({ quick: [aSecond], slow: [aSecond] }),
    });
    assert.deepEqual([plan.late, Object.keys(plan.quotas['k'] ?? {})], [[], ['quick']]);
  });

  test('what only a slow deployment can do in time is sent there soon enough', async () => {
    const quick = jobClass('k', 1, { on: ['quick'], latencyMs: 1 });
    const { quick: placement } = quick.deployments;
    assert.ok(placement);
    const slow = { ...placement, latencyMs: 14 };
    const limits = fleet({ quick: [perMinute('rpm', 6)], slow: [] });
    const places = { quick: placement, slow };
    const plan = await planOf({
      classes: [{ ...quick, deadlineInMs: 50, deployments: places }],
      ...limits,
    });
    assert.deepEqual([plan.late, Object.keys(plan.quotas['k'] ?? {})], [[], ['slow']]);
  });

  test('one that has almost passed, or has, is late and runs first', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'], latencyMs: 500 }),
        within(jobClass('b', 10, { on: ['x'], latencyMs: 500 }), { deadlineInMs: 0 }),
      ],
      ...one,
    });
    near(plan.finishMs['b'], 10_500);
    near(plan.plannedMs, 110_500);
  });
});

const byCost = (id: string, jobs: number, about: Partial<JobClass> = {}): JobClass => ({
  id,
  jobs,
  objective: 'cost',
  deployments: Object.fromEntries(
    [
      ['cheap', 1],
      ['dear', 10],
    ].map(([place, usd]) => [
      place,
      { cost: { requests: 1, input: 0, output: 0, usd: Number(usd) }, latencyMs: 1_000 },
    ]),
  ),
  ...about,
});

/** a, b and c cost the same, or count as the same; 60, 500 and 60 a minute, and a dear one. */
const alike = (usd: Record<string, number>, about: Partial<JobClass> = {}): JobClass => ({
  id: 'k',
  jobs: 200,
  objective: 'cost',
  deadlineInMs: 86_400_000,
  deployments: Object.fromEntries(
    Object.entries(usd).map(([id, each]) => [
      id,
      {
        cost: { requests: 1, input: 0, output: 0, usd: each },
        countsAsUsd: id === 'dear' ? each : 1,
        latencyMs: 1_000,
      },
    ]),
  ),
  ...about,
});

describe('money', () => {
  const both = fleet({ cheap: [aSecond], dear: [perMinute('rpm', 600)] });

  test('without haste everything goes where it is cheapest', async () => {
    const plan = await planOf({ classes: [byCost('k', 1_000)], ...both });
    near(plan.costUsd, 1_000);
    near(plan.costByClass['k'], 1_000);
    near(plan.plannedMs, 1_001_000);
    assert.ok(plan.idealMs < 100_000);
  });

  test('a deadline is met with as little of the dear one as it takes', async () => {
    const plan = await planOf({
      classes: [byCost('k', 1_000, { deadlineInMs: 500_000 })],
      ...both,
    });
    // The last calls start early enough for one that takes two and a half times the mean.
    near(plan.quotas['k']?.['cheap'], 497.5);
    near(plan.costUsd, 497.5 + 5_025);
    assert.deepEqual(plan.late, []);
    const cheap = plan.rows.find(({ budget }) => budget === 'cheap');
    // One more call a minute over 497.5 s: 8.3 calls at $9 less.
    near(cheap?.savesUsd, (9 * 497.5) / 60);
  });

  test('where there is no time for calls that take long, the mean has to do', async () => {
    const plan = await planOf({ classes: [byCost('k', 11, { deadlineInMs: 2_001 })], ...both });
    assert.deepEqual(plan.late, []);
    near(plan.quotas['k']?.['cheap'], 1);
  });

  test('the dear one is spread over all the time there is, and held to that', async () => {
    const plan = await planOf({
      classes: [byCost('k', 1_000, { deadlineInMs: 500_000 })],
      ...both,
    });
    const [cheap, dear] = plan.pairs;
    assert.deepEqual([cheap?.held, dear?.held, dear?.steps.length], [false, true, 1]);
    near(dear?.steps[0]?.untilMs, 497_500);
  });

  test('a deadline before money: when even all of it is too slow, nothing is left idle for its price', async () => {
    const plan = await planOf({
      classes: [byCost('k', 1_000, { deadlineInMs: 60_000 })],
      ...both,
    });
    near(plan.finishMs['k'], 1_000 / (11 / 1_000) + 1_000);
    assert.equal(plan.late.length, 1);
    assert.ok(plan.pairs.every(({ held }) => !held));
  });

  test('what saves time does not wait for what saves money', async () => {
    const hasty = byCost('hasty', 600, { objective: 'time' });
    const plan = await planOf({
      classes: [byCost('k', 1_000, { deadlineInMs: 2_000_000 }), hasty],
      ...both,
    });
    near(plan.finishMs['hasty'], 600 / (11 / 1_000) + 1_000);
    near(plan.costByClass['k'], 1_000);
    assert.ok(
      (plan.finishMs['k'] ?? Infinity) < 1_100_000,
      'and it does not dawdle until its deadline',
    );
  });

  test('money before time: what saves time gives way, even beyond the deadline of what saves money', async () => {
    const hasty = byCost('hasty', 1_210, { objective: 'time' });
    const patient = byCost('k', 120, { deadlineInMs: 121_000 });
    const { cheap } = patient.deployments;
    assert.ok(cheap);
    const other = { ...cheap, cost: { ...cheap.cost, usd: 5 } };
    const plan = await planOf({
      classes: [{ ...patient, deployments: { cheap, other } }, hasty],
      ...fleet({ cheap: [aSecond], dear: [perMinute('rpm', 600)], other: [aSecond] }),
    });
    near(plan.costByClass['k'], 120);
    near(plan.finishMs['k'], 121_000);
    // 1,200 by the dear one in two minutes; the rest by both.
    near(plan.finishMs['hasty'], 120_000 + 10 / (11 / 1_000) + 1_000);
  });

  const keys = fleet({
    a: [perMinute('rpm', 60)],
    b: [perMinute('rpm', 500)],
    c: [perMinute('rpm', 60)],
    dear: [perMinute('rpm', 600)],
  });

  test('places that count as of one price share by what their limits let through, whatever they cost to the last cent', async () => {
    for (const usd of [
      { a: 1, b: 1, c: 1, dear: 10 },
      { a: 1, b: 1.06, c: 1.02, dear: 10 },
      { a: 1.06, b: 1, c: 1.02, dear: 10 },
    ]) {
      const plan = await planOf({ classes: [alike(usd)], ...keys });
      const quotas = plan.quotas['k'] ?? {};
      assert.deepEqual(Object.keys(quotas).toSorted(), ['a', 'b', 'c']);
      near(quotas['b'], (200 * 500) / 620);
      near(plan.finishMs['k'], (200 / 620) * 60_000 + 1_000, 'as soon as they can together');
      const { a, b, c } = { a: 0, b: 0, c: 0, ...quotas };
      near(plan.costUsd, a * usd.a + b * usd.b + c * usd.c, 'what it costs is what it costs');
    }
  });

  test('they share what a deadline leaves to them, too, and so do dear ones of one price', async () => {
    const usd = { a: 1, dear: 10, dearer: 10 };
    const one = alike({ a: 1, dear: 10 }, { jobs: 700, deadlineInMs: 602_500 });
    const { dear } = one.deployments;
    assert.ok(dear);
    const plan = await planOf({
      classes: [{ ...one, deployments: { ...one.deployments, dearer: dear } }],
      ...fleet({
        a: [aSecond],
        dear: [perMinute('rpm', 100)],
        dearer: [perMinute('rpm', 300)],
      }),
    });
    near(plan.quotas['k']?.['a'], 600);
    near(plan.quotas['k']?.['dear'], 25);
    near(plan.quotas['k']?.['dearer'], 75);
    near(plan.costUsd, 600 * usd.a + 100 * usd.dear);
    assert.deepEqual(plan.late, []);
  });

  test('an unknown price makes the sum unknown', async () => {
    const plan = await planOf({
      classes: [jobClass('unknown', 1, { on: ['cheap'] }), byCost('k', 10)],
      ...both,
    });
    assert.deepEqual([plan.costUsd, plan.costByClass['unknown']], [null, null]);
    near(plan.costByClass['k'], 10);
  });
});
