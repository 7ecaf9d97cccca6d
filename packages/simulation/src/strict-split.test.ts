/** Jobs and lines that a strict split keeps to its arms. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from './engine.ts';
import type { Run } from './run.ts';
import { behaviour, exampleFleet, jobsAlike, scenario } from './example-scenario.ts';
import type { Scenario } from './scenario.ts';
import type { Task } from './task.ts';

const run = (about: Scenario): Promise<Run> => new Engine(about).run();

/** 200 lines of a batch and 400 single jobs, of which half are meant for an arm that takes five a second. */
async function splitRun(strict: boolean, { seed, gone = false }: { seed: number; gone?: boolean }) {
  const limits = { quick: { rpm: 6_000 }, slow: { rpm: 300 }, spare: { rpm: 600 } };
  const split = exampleFleet(limits, [['quick', 'slow'], ['spare']]);
  const pool = split.pools.get('fast');
  assert.ok(pool);
  const strategy = { name: 'split', arms: { quick: 50, slow: 50 }, strict };
  const pools = new Map([['fast', { ...pool, strategy }]]);
  const jobs = [...jobsAlike(200), ...jobsAlike(400, { batch: null, priority: 'normal' })];
  const behaviours = new Map(gone ? [['slow', behaviour({ failures: { network: 1 } })]] : []);
  const { tasks, endedAt } = await run(scenario({ ...split, pools }, jobs, { seed, behaviours }));
  assert.ok(tasks.every(({ end }) => end?.kind === 'succeeded'));
  const on = (id: string, of: 'lines' | 'jobs'): number =>
    tasks.filter(
      ({ job, end }) => end?.deployment === id && (job.batch === null ? 'jobs' : 'lines') === of,
    ).length;
  return { on, endedAt };
}

const SEEDS = [1, 2, 3, 4, 5];

test('arms of a strict split get their percentages although one is full nearly all the time: who is meant for it waits', async () => {
  const slowJobs = new Set<number>();
  for (const seed of SEEDS) {
    const { on, endedAt } = await splitRun(true, { seed });
    assert.deepEqual([on('quick', 'lines'), on('slow', 'lines')], [100, 100], 'to the line');
    // Single jobs by lot: 4 × √(400 / 4) = 40.
    const slow = on('slow', 'jobs');
    assert.ok(Math.abs(slow - 200) <= 40, `${slow} of 400, seed ${seed}`);
    assert.equal(slow + on('quick', 'jobs'), 400, 'nothing is spilled');
    // It was full to the end: at five a second nothing else could have been sooner.
    const leastMs = (100 + slow) * 200;
    assert.ok(endedAt < 1.15 * leastMs, `${endedAt} ms of ${leastMs}`);
    slowJobs.add(slow);
  }
  assert.ok(slowJobs.size > 1, 'another seed draws other lots');
});

test('without `strict` what the full arm cannot take spills to the other', async () => {
  for (const seed of SEEDS) {
    const { on } = await splitRun(false, { seed });
    const slow = on('slow', 'jobs') + on('slow', 'lines');
    assert.ok(slow < 150, `${slow} of 300, seed ${seed}`);
  }
});

test('an arm of a strict split that fails whatever it gets: all of its share goes to the next tier, nothing to the other arm', async () => {
  for (const seed of SEEDS) {
    const there = (await splitRun(true, { seed })).on;
    const { on } = await splitRun(true, { seed, gone: true });
    for (const of of ['jobs', 'lines'] as const) {
      assert.equal(on('slow', of), 0);
      assert.equal(on('spare', of), there('slow', of));
      assert.equal(on('quick', of), there('quick', of));
    }
  }
});

test('a strategy that is tried instead of a strict split keeps nothing to arms, retries neither', async () => {
  const limits = { quick: { rpm: 6_000 }, slow: { rpm: 600 }, spare: { rpm: 600 } };
  const split = exampleFleet(limits, [['quick', 'slow'], ['spare']]);
  const pool = split.pools.get('fast') ?? assert.fail();
  const strict = { name: 'split', arms: { quick: 50, slow: 50 }, strict: true };
  split.pools.set('fast', { ...pool, strategy: strict });
  const behaviours = new Map([['slow', behaviour({ failures: { network: 1 } })]]);
  const about = scenario(split, jobsAlike(100), { behaviours, strategy: 'capacity' });
  const { tasks, calls } = await run(about);
  assert.ok((calls.get('slow')?.calls ?? 0) > 0, 'it was tried');
  assert.deepEqual([...new Set(tasks.map(({ end }) => end?.deployment))], ['quick']);
});

/** Batches of one tenant, the split's first: one arm takes ten calls a second and lines of the other pool, too. */
async function besideSplit(lines: { halves: number; fast: number }): Promise<(of: Of) => number> {
  const fleet = exampleFleet({ calls: { rpm: 600 }, rare: { rpm: 30 } });
  const pool = fleet.pools.get('fast') ?? assert.fail();
  fleet.pools.set('fast', { ...pool, tiers: [['calls']] });
  const strategy = { name: 'split', arms: { calls: 50, rare: 50 }, strict: true };
  fleet.pools.set('halves', { ...pool, id: 'halves', tiers: [['calls', 'rare']], strategy });
  const jobs = [
    ...jobsAlike(lines.halves, { pool: 'halves', batch: 'h' }),
    ...jobsAlike(lines.fast, { batch: 'f' }),
  ];
  const { tasks } = await run(scenario(fleet, jobs));
  assert.ok(tasks.every(({ end }) => end?.kind === 'succeeded'));
  return (of) => Math.max(...tasks.filter(of).map(({ end }) => end?.at ?? Infinity));
}

type Of = (task: Task) => boolean;

test('lines that wait for their arm keep those of another batch off no other deployment', async () => {
  const lastEnd = await besideSplit({ halves: 100, fast: 50 });
  // Fifty of the first batch and these at ten a second; the rest of the split waits for its arm till 100 s.
  const fastMs = lastEnd(({ job }) => job.pool === 'fast');
  assert.ok(fastMs < 1.15 * 10_000, `${fastMs} ms`);
});

test("batches have their turns one by one: what a later one's plan wants keeps no line of the first from its arm", async () => {
  const lastEnd = await besideSplit({ halves: 40, fast: 600 });
  const splitMs = lastEnd(({ job, end }) => job.pool === 'halves' && end?.deployment === 'calls');
  assert.ok(splitMs < 3_500, `${splitMs} ms`);
});
