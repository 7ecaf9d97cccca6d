import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Accounting, Budget, Deployment, Fleet, Pool } from '@sluice/job';
import * as fc from 'fast-check';
import { Engine } from './engine.ts';
import type { Run } from './run.ts';
import { behaviour, exampleFleet, exampleJob, jobsAlike, scenario } from './example-scenario.ts';
import { idealMs } from './ideal.ts';
import { reportOf } from './report.ts';
import type { Report } from './report.ts';
import type { Scenario } from './scenario.ts';
import { stream } from './chance.ts';

const run = (about: Scenario): Promise<Run> => new Engine(about).run();

async function report(about: Scenario): Promise<Report> {
  const ran = await run(about);
  return reportOf(ran, { idealMs: await idealMs(about, ran), tenants: about.tenants });
}

const fleet = exampleFleet({ x: { rpm: 600, tpm: 100_000 }, y: { rpm: 300, tpm: 200_000 } });

test('a batch is drained within a few per cent of the best possible, without a 429', async () => {
  const { ratio, limited, tenants } = await report(scenario(fleet, jobsAlike(1_000)));
  assert.equal(tenants['a']?.succeeded, 1_000);
  assert.equal(limited, 0);
  assert.ok(ratio !== null && ratio >= 1 && ratio < 1.08, `ratio ${ratio}`);
});

test('while a first tier that hangs is tried now and then, lines go to the next', async () => {
  const tiered = exampleFleet({ x: { rpm: 600 }, y: { rpm: 600 } }, [['x'], ['y']]);
  const outages = [{ fromMs: 0, toMs: 600_000, kind: 'hang', factor: 1 } as const];
  const behaviours = new Map([['x', behaviour({ outages })]]);
  const { tasks, endedAt } = await run(scenario(tiered, jobsAlike(900), { behaviours }));
  assert.ok(tasks.every(({ end }) => end?.deployment === 'y'));
  // Ninety seconds of calls, and some until it is known that the first hangs.
  assert.ok(endedAt < 125_000, `${endedAt} ms`);
});

test('a limit per day is spent on what takes most of the limits beside it', async (t) => {
  const days = exampleFleet({ x: { rpm: 600, rpd: 300 }, y: { tpm: 60_000 } });
  const large = jobsAlike(300, { batch: 'large', inputTokens: 950, characters: 3_800 });
  const small = jobsAlike(1_000, { batch: 'small', inputTokens: 50, characters: 200 });
  const { ratio, tenants } = await report(scenario(days, [...large, ...small]));
  t.diagnostic(`${ratio?.toFixed(3)} of T*`);
  assert.equal(tenants['a']?.succeeded, 1_300);
  assert.ok(ratio !== null && ratio >= 1 && ratio < 1.15, `ratio ${ratio}`);
});

test(
  'what its day never has room for expires where it was placed, and the run ends',
  { timeout: 60_000 },
  async () => {
    const days = exampleFleet({ x: { tpd: 300 } });
    const { tasks, endedAt } = await run(scenario(days, [exampleJob()]));
    assert.equal(tasks[0]?.end?.kind, 'expired');
    assert.ok(endedAt >= 3_600_000 && endedAt < 3_700_000, `${endedAt}`);
  },
);

test('the same seed gives the same run, another seed another one', async () => {
  const behaviours = new Map([['x', behaviour({ failures: { overloaded: 0.1 } })]]);
  const about = scenario(fleet, jobsAlike(200), { behaviours });
  const text = async (seed: number): Promise<string> =>
    JSON.stringify(await report({ ...about, seed }));
  assert.equal(await text(1), await text(1));
  assert.notEqual(await text(1), await text(2));
});

test('interactive jobs go before a batch that waits', async () => {
  const interactive = Array.from({ length: 50 }, (_, i) =>
    exampleJob({ at: 5_000 + i * 1_000, priority: 'interactive', batch: null, tenant: 'i' }),
  );
  const { tenants } = await report(scenario(fleet, [...jobsAlike(1_500), ...interactive]));
  const waits = tenants['i']?.wait_ms;
  assert.ok(waits && (waits.p95 ?? Infinity) <= 50, `p95 ${waits?.p95}`);
  // The first after a quiet time finds no reserve: it waits for what batch has booked ahead.
  assert.ok((waits.p99 ?? Infinity) <= 300, `p99 ${waits.p99}`);
});

test('a flood of interactive jobs holds another tenant’s up by little more than the burst does not cover', async (t) => {
  const fast = exampleFleet({ x: { rpm: 6_000 } });
  const flood = Array.from({ length: 6_000 }, () =>
    exampleJob({ priority: 'interactive', batch: null, tenant: 'flood' }),
  );
  const single = Array.from({ length: 40 }, (_, i) =>
    exampleJob({ at: 10_000 + i * 1_013, priority: 'interactive', batch: null, tenant: 'i' }),
  );
  const { tenants, utilisation } = await report(
    scenario(fast, [...jobsAlike(2_000), ...flood, ...single]),
  );
  const waits = tenants['i']?.wait_ms;
  t.diagnostic(`p50 ${waits?.p50?.toFixed(0)}, p99 ${waits?.p99?.toFixed(0)} ms`);
  // Placed 650 ms deep, of which the burst lets 500 start at once; a turn, and a look that comes late.
  assert.ok(waits && (waits.p99 ?? Infinity) <= 150 + 30 + 50, `p99 ${waits?.p99}`);
  assert.ok((utilisation['x']?.['rpm'] ?? 0) > 0.95, JSON.stringify(utilisation));
});

const tenant = (id: string, weight: number) => ({
  id,
  weight,
  keyHashes: [],
  pools: null,
  limits: {},
});

test('tenants of weights 1 and 3 are served in that proportion while both have work', async () => {
  const jobs = [
    ...jobsAlike(600, { tenant: 'one', batch: 'b1' }),
    ...jobsAlike(600, { tenant: 'three', batch: 'b3' }),
  ];
  const tenants = [tenant('one', 1), tenant('three', 3)];
  const { tasks } = await run(scenario(fleet, jobs, { tenants }));
  const early = tasks.filter(({ end }) => end && end.at < 30_000);
  const share = early.filter(({ job }) => job.tenant === 'three').length / early.length;
  assert.ok(Math.abs(share - 0.75) < 0.05, `share ${share}`);
});

test("a tenant's rpm, tpm and concurrency make its jobs wait, single ones and lines alike, and nobody else's", async () => {
  const wide = exampleFleet({ x: { rpm: 60_000 } });
  const one = behaviour({
    latency: { baseMs: 1_000, perInputToken: 0, perOutputToken: 0, jitter: 0 },
  });
  for (const [limits, batch, leastMs] of [
    // 60 jobs of 150 tokens and a second each: one at a time, however it is said.
    [{ rpm: 60 }, null, 59_000],
    [{ rpm: 60 }, 'b', 59_000],
    [{ concurrency: 1 }, null, 60_000],
    [{ concurrency: 1 }, 'b', 60_000],
    [{ tpm: 9_000 }, null, 57_000],
    // Lines are placed several at once, and tokens go into debt: the last of them are early.
    [{ tpm: 9_000 }, 'b', 30_000],
  ] as const) {
    const tenants = [{ ...tenant('a', 1), limits }];
    const jobs = [...jobsAlike(60, { batch }), ...jobsAlike(60, { batch, tenant: 'free' })];
    const named = jobs.map((job) => ({ ...job, batch: batch && `${batch} ${job.tenant}` }));
    const about = scenario(wide, named, { tenants, behaviours: new Map([['x', one]]) });
    const { tasks, endedAt } = await run(about);
    const free = tasks.filter(({ job }) => job.tenant === 'free').map(({ end }) => end?.at ?? 0);
    const what = `${JSON.stringify(limits)} ${batch}: ${endedAt}`;
    assert.ok(endedAt >= leastMs && endedAt <= 1.08 * leastMs + 2_000, what);
    assert.ok(Math.max(...free) < 5_000, `${what}, free ${Math.max(...free)}`);
  }
});

test('a job goes no further than its last tier', async () => {
  const tiered = exampleFleet({ x: { rpm: 60 }, y: { rpm: 6_000 } }, [['x'], ['y']]);
  const pool = tiered.pools.get('fast') as Pool;
  tiered.pools.set('fast', { ...pool, spillAfterMs: 0 });
  const spilled = await run(scenario(tiered, jobsAlike(20, { batch: null })));
  assert.ok(spilled.tasks.some(({ end }) => end?.deployment === 'y'));
  const kept = await run(scenario(tiered, jobsAlike(20, { batch: null, maxTier: 1 })));
  assert.ok(kept.tasks.every(({ end }) => end?.deployment === 'x'));
});

test('a deployment that fails gets nothing, everything finishes elsewhere, and it comes back', async () => {
  const outages = [{ fromMs: 20_000, toMs: 50_000, kind: 'overloaded', factor: 1 } as const];
  const behaviours = new Map([['x', behaviour({ outages })]]);
  const { tasks } = await run(scenario(fleet, jobsAlike(2_000), { behaviours }));
  assert.ok(tasks.every(({ end }) => end?.kind === 'succeeded'));
  const failed = tasks.reduce((sum, { attempts }) => sum + attempts.length, 0);
  assert.ok(failed > 0 && failed < 30, `${failed} failed calls`);
  assert.ok(tasks.some(({ end }) => end?.deployment === 'x' && end.at > 60_000));
});

test('however long it was away, 90 s after its return a deployment has its fair share of a batch', async () => {
  for (const kind of ['overloaded', 'hang'] as const) {
    const outages = [{ fromMs: 10_000, toMs: 610_000, kind, factor: 1 }];
    const behaviours = new Map([['x', behaviour({ outages })]]);
    const { tasks } = await run(scenario(fleet, jobsAlike(5_200), { behaviours }));
    const late = tasks.filter(({ end }) => end && end.at >= 700_000 && end.at < 710_000);
    const share = late.filter(({ end }) => end?.deployment === 'x').length / late.length;
    assert.ok(late.length > 100 && share > 0.9 * (2 / 3), `${kind}: ${share}`);
  }
});

test('what waits beyond its deadline expires, and nothing of it is sent after', async () => {
  const jobs = jobsAlike(1_000, { deadlineMs: 20_000 });
  const { tasks } = await run(scenario(fleet, jobs));
  const expired = tasks.filter(({ end }) => end?.kind === 'expired');
  assert.ok(expired.length > 300 && expired.length < 900, `${expired.length} expired`);
  assert.ok(tasks.every(({ firstStartAt }) => (firstStartAt ?? 0) < 20_000));
});

const anyKind = fc.constantFrom('overloaded', 'network', 'hang', 'slow', 'credential', 'timeout');
const anyOutage = fc
  .record({ fromMs: fc.nat(60_000), forMs: fc.nat(60_000), kind: anyKind })
  .map(({ fromMs, forMs, kind }) => ({ fromMs, toMs: fromMs + forMs, kind, factor: 4 }));
const anyBehaviour = fc
  .record({
    window: fc.constantFrom('bucket_1s', 'fixed_10s', 'sliding_60s'),
    outages: fc.array(anyOutage, { maxLength: 2 }),
    overloaded: fc.constantFrom(0, 0.1, 0.5),
    others: fc.constantFrom({}, { rpm: 200 }),
  })
  .map(({ window, outages, overloaded, others }) =>
    behaviour({ window, outages, others, failures: { overloaded } }),
  );
const anyJob = fc
  .record({
    at: fc.nat(30_000),
    tenant: fc.constantFrom('a', 'b'),
    priority: fc.constantFrom('interactive', 'normal', 'low'),
    batch: fc.constantFrom(null, 'b1', 'b2'),
    inputTokens: fc.integer({ min: 1, max: 4_000 }),
    outputTokens: fc.nat(800),
    deadlineMs: fc.constantFrom(30_000, 3_600_000),
  })
  // A batch belongs to one tenant and band.
  .map((job) => (job.batch ? { ...job, tenant: job.batch, priority: 'low' as const } : job));

test('whatever fails: every job ends once, calls are those that failed and the one that did not, nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyJob, { minLength: 1, maxLength: 60 }),
      fc.tuple(anyBehaviour, anyBehaviour),
      fc.nat(),
      async (jobs, [x, y], seed) => {
        const behaviours = new Map([
          ['x', x],
          ['y', y],
        ]);
        const about = scenario(fleet, jobs.map(exampleJob), { behaviours, seed });
        const { tasks, calls } = await run(about);
        for (const { end, calls: made, attempts, deadlineAt, firstStartAt } of tasks) {
          assert.ok(end, 'a job without an end');
          const answered = end.kind === 'succeeded' ? 1 : 0;
          assert.equal(made, attempts.length + answered);
          assert.ok((firstStartAt ?? 0) < deadlineAt);
        }
        const all = [...calls.values()].reduce((sum, each) => sum + each.calls, 0);
        assert.equal(
          all,
          tasks.reduce((sum, each) => sum + each.calls, 0),
        );
      },
    ),
    { numRuns: 100 },
  );
});

/** One deployment whose tokens are scarce, and whose provider counts as this says. */
function countedSo(over: Partial<Accounting>) {
  const counted = exampleFleet({ x: { rpm: 6_000, tpm: 60_000 } });
  const accounting = { ...example.accounting, ...over };
  counted.deployments.set('x', { ...example, accounting });
  counted.budgets.set('x', {
    ...(counted.budgets.get('x') as Budget),
    outputCharge: accounting.output,
  });
  return counted;
}
const example = exampleFleet({ x: {} }).deployments.get('x') as Deployment;

test('however a provider counts, a client that counts likewise is not refused, and does not dawdle', async (t) => {
  const ways: Partial<Accounting>[] = [
    { output: 'actual' },
    { output: 'actual', outputMultiplier: 5 },
    { output: 'max_tokens' },
    { output: 'max_tokens', inputAndOutput: 'larger' },
    { output: 'released', outputMultiplier: 2 },
    { output: 'released', failedRequests: 'free' },
  ];
  for (const way of ways) {
    const about = scenario(countedSo(way), jobsAlike(300, { maxOutput: 80 }));
    const { ratio, limited, tenants } = await report(about);
    t.diagnostic(`${JSON.stringify(way)}: ${ratio?.toFixed(3)} of T*, ${limited} refused`);
    assert.equal(tenants['a']?.succeeded, 300);
    assert.equal(limited, 0, JSON.stringify(way));
    // What is given back is not used again at once: less than it could be, never more than it may.
    const most = way.output === 'released' ? 1.6 : 1.1;
    assert.ok(ratio !== null && ratio >= 0.99 && ratio < most, `${JSON.stringify(way)}: ${ratio}`);
  }
});

test('strategy cost: keys of one model and price share by their limits, whatever they happened to learn', async (t) => {
  const keys = exampleFleet({
    a: { rpm: 60 },
    b: { rpm: 500 },
    c: { rpm: 60 },
    dear: { rpm: 600 },
  });
  const dear = keys.deployments.get('dear') ?? assert.fail();
  const fast = keys.pools.get('fast') ?? assert.fail();
  const large = { ...dear, model: 'large', price: { input: 8, output: 16 } };
  const thrifty: Fleet = {
    ...keys,
    deployments: new Map([...keys.deployments, ['dear', large]]),
    pools: new Map([['fast', { ...fast, strategy: { name: 'cost' } }]]),
  };
  for (const seed of [1, 2, 3]) {
    const random = stream(seed);
    // Characters per token of a text differ: what three keys see of them does, too.
    const jobs = Array.from({ length: 600 }, () =>
      exampleJob({ characters: Math.round(100 * (2 + 4 * random())), deadlineMs: 86_400_000 }),
    );
    const ran = await run(scenario(thrifty, jobs, { seed }));
    const shares = ['a', 'b', 'c', 'dear'].map(
      (id) => (ran.calls.get(id)?.calls ?? 0) / jobs.length,
    );
    const ratio = ran.endedAt / ((600 / 620) * 60_000);
    t.diagnostic(
      `seed ${seed}: ${shares.map((share) => share.toFixed(3)).join(' ')}, ${ratio.toFixed(3)} of the best by the three`,
    );
    assert.equal(shares[3], 0);
    assert.ok((shares[1] ?? 0) > 0.75 && (shares[1] ?? 1) < 0.86, `b ${shares[1]}`);
    assert.ok(ratio < 1.1, `${ratio}`);
  }
});
