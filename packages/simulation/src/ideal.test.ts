import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Limits, Tenant } from '@sluice/job';
import * as fc from 'fast-check';
import { Engine } from './engine.ts';
import { behaviour, exampleFleet, exampleJob, jobsAlike, scenario } from './example-scenario.ts';
import { idealMs } from './ideal.ts';
import type { Scenario } from './scenario.ts';

const latency = { baseMs: 100, perInputToken: 0, perOutputToken: 0, jitter: 0 };

test('600 requests a minute answer 1,200 in two minutes, less what the window holds at the start', async () => {
  const behaviours = new Map([['d', behaviour({ latency })]]);
  const about = scenario(exampleFleet({ d: { rpm: 600 } }), jobsAlike(1_200), { behaviours });
  const ideal = await idealMs(about, await new Engine(about).run());
  assert.ok(ideal !== null && Math.abs(ideal - 119_100) < 1, `${ideal}`);
});

test('a tenant with a limit of its own takes the time that this takes, whatever the fleet could do', async () => {
  const behaviours = new Map([['d', behaviour({ latency })]]);
  const idealBy = async (limits: Tenant['limits']) => {
    const more = {
      behaviours,
      tenants: [{ id: 'a', keyHashes: [], pools: null, weight: 1, limits }],
    };
    const about = scenario(exampleFleet({ d: { rpm: 6_000 } }), jobsAlike(300), more);
    const run = await new Engine(about).run();
    const ideal = await idealMs(about, run);
    assert.ok(ideal !== null && ideal <= run.endedAt, `T* ${ideal}, run ${run.endedAt}`);
    return ideal;
  };
  assert.ok((await idealBy({})) < 5_000);
  assert.equal(await idealBy({ rpm: 60 }), 298_100);
  assert.equal(await idealBy({ concurrency: 1 }), 30_000);
});

test('a maximum that is charged may be more than its bucket holds, and the call is made all the same', async () => {
  const fleet = exampleFleet({ d: { rpm: 60, tpm: 60 } });
  const deployment = fleet.deployments.get('d') ?? assert.fail();
  const accounting = { ...deployment.accounting, output: 'max_tokens' } as const;
  fleet.deployments.set('d', { ...deployment, accounting });
  const about = scenario(fleet, jobsAlike(1));
  const run = await new Engine(about).run();
  const ideal = await idealMs(about, run);
  assert.equal(run.tasks[0]?.end?.kind, 'succeeded');
  assert.ok(ideal !== null && ideal <= run.endedAt, `T* ${ideal}, run ${run.endedAt}`);
});

test('what takes no work is no place for T*', async () => {
  const fleet = exampleFleet({ d: { rpm: 600 }, idle: { rpm: 6_000 } });
  fleet.deployments.set('idle', { ...(fleet.deployments.get('idle') ?? assert.fail()), weight: 0 });
  const about = scenario(fleet, jobsAlike(600));
  const run = await new Engine(about).run();
  const ideal = (await idealMs(about, run)) ?? 0;
  assert.ok(ideal > 55_000 && ideal <= run.endedAt, `T* ${ideal}, run ${run.endedAt}`);
});

test('jobs that arrive late are not done before', async () => {
  const behaviours = new Map([['d', behaviour({ latency })]]);
  const jobs = [exampleJob(), exampleJob({ at: 60_000 })];
  const about = scenario(exampleFleet({ d: { rpm: 600 } }), jobs, { behaviours });
  assert.equal(await idealMs(about, await new Engine(about).run()), 60_100);
});

test('a call that happens to be quicker than its like does not beat T*', async () => {
  const jobs = [1, 1, 1, 11].map((outputTokens) => exampleJob({ inputTokens: 1, outputTokens }));
  const fleet = exampleFleet({
    x: { rpm: 198, tpm: 50_822 },
    y: { rpm: 791, concurrency: 5 },
  });
  const about = scenario(fleet, jobs);
  const run = await new Engine(about).run();
  const [ideal, { endedAt }] = [await idealMs(about, run), run];
  assert.ok(ideal !== null && ideal <= endedAt, `T* ${ideal}, run ${endedAt}`);
});

/** The run is not faster than T*, which is unknown only where every job failed (of an answer that takes too long). */
async function checkBound(about: Scenario): Promise<{ ideal: number; endedAt: number } | null> {
  const run = await new Engine(about).run();
  const ideal = await idealMs(about, run);
  if (ideal === null) {
    assert.ok(run.tasks.every(({ end }) => end?.kind === 'failed'));
    return null;
  }
  assert.ok(run.tasks.every(({ end }) => end?.kind !== 'expired'));
  assert.ok(ideal <= run.endedAt, `T* ${ideal}, run ${run.endedAt}`);
  return { ideal, endedAt: run.endedAt };
}

test('no run is faster than T*', async () => {
  const anyJob = fc.record({
    inputTokens: fc.integer({ min: 1, max: 5_000 }),
    outputTokens: fc.integer({ min: 1, max: 1_000 }),
  });
  const limit = fc.integer({ min: 30, max: 1_000 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyJob, { minLength: 1, maxLength: 80 }),
      fc.tuple(limit, limit, fc.integer({ min: 20_000, max: 500_000 })),
      fc.constantFrom('bucket_1s', 'fixed_minute', 'sliding_60s'),
      async (jobs, [rpm, other, tpm], window) => {
        const fleet = exampleFleet({ x: { rpm, tpm }, y: { rpm: other, concurrency: 5 } });
        const behaviours = new Map(['x', 'y'].map((id) => [id, behaviour({ window })]));
        const about = scenario(fleet, jobs.map(exampleJob), { behaviours });
        await checkBound(about);
      },
    ),
    { numRuns: 60 },
  );
});

const DAY_MS = 86_400_000;
const days = (ms: number): number => ms / DAY_MS;
const patient = { deadlineMs: 400 * DAY_MS };

test('where a day has its limit T* is whole days, and the run needs an hour more of each at most', async () => {
  const cases: [Limits, jobs: number, wholeDays: number][] = [
    [{ rpm: 600, rpd: 100 }, 350, 3],
    [{ rpm: 600, tpd: 15_000 }, 401, 4],
    [{ rpm: 600, usd_per_day: 0.02 }, 250, 2],
    [{ rpm: 600, usd_per_month: 0.02 }, 150, 30],
  ];
  for (const [limits, jobs, whole] of cases) {
    const about = scenario(exampleFleet({ d: limits }), jobsAlike(jobs, patient));
    const found = await checkBound(about);
    assert.ok(found && Math.abs(days(found.ideal) - whole) < 0.01, JSON.stringify([limits, found]));
    assert.ok(found.endedAt / found.ideal < 25.1 / 24, JSON.stringify([limits, found]));
  }
});

test('what a tier cannot do in its day counts where the run did it', async () => {
  const fleet = exampleFleet({ a: { rpm: 600, rpd: 100 }, b: { rpm: 60 } }, [['a'], ['b']]);
  const found = await checkBound(scenario(fleet, jobsAlike(200, patient)));
  // A hundred at one a second, less the one that is there at the start.
  assert.ok(found && Math.abs(found.ideal - 99_950) < 1, JSON.stringify(found));
});

test('a job counts in no tier that it may not use', async () => {
  const fleet = exampleFleet({ a: { rpm: 60 }, b: { rpm: 6_000 } }, [['a'], ['b']]);
  const pool = fleet.pools.get('fast') ?? assert.fail();
  fleet.pools.set('fast', { ...pool, spillAfterMs: 0 });
  const single = { batch: null, deadlineMs: 3_600_000 };
  const jobs = [...jobsAlike(60, { ...single, maxTier: 1 }), ...jobsAlike(60, single)];
  const found = await checkBound(scenario(fleet, jobs));
  assert.ok(found && found.ideal > 59_000, JSON.stringify(found));
});

test('no run is faster than T*, whatever limits per day and month there are, tiers and failures', async () => {
  const anyJob = fc.record({
    inputTokens: fc.integer({ min: 1, max: 2_000 }),
    outputTokens: fc.integer({ min: 1, max: 600 }),
  });
  const anyLimits = fc.record(
    {
      rpm: fc.integer({ min: 30, max: 1_000 }),
      rpd: fc.integer({ min: 5, max: 60 }),
      tpd: fc.integer({ min: 5_000, max: 60_000 }),
      usd_per_day: fc.double({ min: 0.01, max: 0.1, noNaN: true }),
    },
    { requiredKeys: ['rpm'], noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyJob, { minLength: 1, maxLength: 80 }),
      fc.tuple(anyLimits, anyLimits),
      fc.constantFrom<string[][]>([['x', 'y']], [['x'], ['y']]),
      fc.tuple(fc.integer({ min: 1, max: 1_000 }), fc.double({ min: 0, max: 0.2, noNaN: true })),
      async (jobs, [x, y], tiers, [seed, overloaded]) => {
        const behaviours = new Map([['x', behaviour({ failures: { overloaded } })]]);
        const work = jobs.map((job) => exampleJob({ ...job, ...patient }));
        await checkBound(scenario(exampleFleet({ x, y }, tiers), work, { behaviours, seed }));
      },
    ),
    { numRuns: 40 },
  );
});
