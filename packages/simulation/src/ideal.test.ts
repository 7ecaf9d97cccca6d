import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Engine } from './engine.ts';
import { behaviour, exampleFleet, exampleJob, jobsAlike, scenario } from './example-scenario.ts';
import { idealMs } from './ideal.ts';

const latency = { baseMs: 100, perInputToken: 0, perOutputToken: 0, jitter: 0 };

test('600 requests a minute answer 1,200 in two minutes, less what the window holds at the start', async () => {
  const behaviours = new Map([['d', behaviour({ latency })]]);
  const about = scenario(exampleFleet({ d: { rpm: 600 } }), jobsAlike(1_200), { behaviours });
  const ideal = await idealMs(about);
  assert.ok(ideal !== null && Math.abs(ideal - 119_100) < 1, `${ideal}`);
});

test('jobs that arrive late are not done before', async () => {
  const behaviours = new Map([['d', behaviour({ latency })]]);
  const jobs = [exampleJob(), exampleJob({ at: 60_000 })];
  const about = scenario(exampleFleet({ d: { rpm: 600 } }), jobs, { behaviours });
  assert.equal(await idealMs(about), 60_100);
});

test('a call that happens to be quicker than its like does not beat T*', async () => {
  const jobs = [1, 1, 1, 11].map((outputTokens) => exampleJob({ inputTokens: 1, outputTokens }));
  const fleet = exampleFleet({
    x: { rpm: 198, tpm: 50_822 },
    y: { rpm: 791, concurrency: 5 },
  });
  const about = scenario(fleet, jobs);
  const [ideal, { endedAt }] = [await idealMs(about), await new Engine(about).run()];
  assert.ok(ideal !== null && ideal <= endedAt, `T* ${ideal}, run ${endedAt}`);
});

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
        const [ideal, { endedAt }] = [await idealMs(about), await new Engine(about).run()];
        assert.ok(ideal !== null && ideal <= endedAt, `T* ${ideal}, run ${endedAt}`);
      },
    ),
    { numRuns: 60 },
  );
});
