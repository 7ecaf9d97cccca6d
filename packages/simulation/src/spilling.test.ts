import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fleet, Pool } from '@sluice/job';
import { Engine } from './engine.ts';
import { exampleFleet, jobsAlike, scenario } from './example-scenario.ts';
import { idealMs } from './ideal.ts';

/** A call in ten seconds on the first tier, ten a second on the second. */
function fleetOf(over: Partial<Pool>, rpm = 6): Fleet {
  const fleet = exampleFleet({ slow: { rpm }, quick: { rpm: 600 } }, [['slow'], ['quick']]);
  fleet.pools.set('fast', { ...(fleet.pools.get('fast') as Pool), ...over });
  return fleet;
}

async function run(fleet: Fleet, jobs = 100) {
  const about = scenario(fleet, jobsAlike(jobs));
  const ran = await new Engine(about).run();
  const { tasks, endedAt } = ran;
  assert.ok(tasks.every(({ end }) => end?.kind === 'succeeded'));
  const on = (id: string) => tasks.filter(({ end }) => end?.deployment === id);
  const firstStart = Math.min(...on('quick').map(({ firstStartAt }) => firstStartAt ?? Infinity));
  return { endedAt, quick: on('quick').length, firstStart, bound: await idealMs(about, ran) };
}

for (const strategy of ['capacity', 'round_robin', 'cost'])
  test(`lines wait for a slow first tier as long as the pool says, then they spill (${strategy})`, async () => {
    const over = { strategy: { name: strategy }, spillAfterMs: 2_000 };
    const { endedAt, quick, firstStart, bound } = await run(fleetOf(over));
    assert.ok(firstStart >= 2_000 && firstStart < 2_300, `first at ${firstStart}`);
    assert.ok(quick >= 90, `${quick} of 100`);
    // 12 s of calls, and 2 s of waiting at the start and after each of the few calls of the first tier.
    assert.ok(endedAt < 25_000, `${endedAt} ms`);
    assert.ok(bound !== null && endedAt >= bound, `${endedAt} of at least ${bound} ms`);
  });

test('without spilling, and where the first tier keeps taking lines, the backlog is no wait', async () => {
  assert.equal((await run(fleetOf({}), 10)).quick, 0);
  const flowing = await run(fleetOf({ spillAfterMs: 2_000 }, 120), 120);
  assert.equal(flowing.quick, 0, 'a line every half second');
});
