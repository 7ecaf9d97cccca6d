import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import type { Api } from './api.ts';
import type { PublishedHealth } from './figures.ts';
import { standingOf } from './standing.ts';

const standing = (
  said: PublishedHealth,
  load: Partial<DeploymentLoad> = {},
  wish: 'active' | 'paused' = 'active',
) => {
  const control = { wishOf: () => wish } as unknown as Api['control'];
  const all = {
    pausedForMs: 0,
    refusedForMs: 0,
    windows: [],
    ...load,
  } as unknown as DeploymentLoad;
  const live = { health: new Map([['mini', said]]), loads: new Map([['mini', all]]), now: 0 };
  return standingOf({ control }, 'mini', live);
};

test('what is sick, paused or leaving starts nothing; what is active does', () => {
  for (const state of ['blocked', 'broken', 'draining', 'paused'])
    assert.deepEqual(standing({ state, reason: 'why' }), {
      state,
      reason: 'why',
      startsNothing: true,
    });
  for (const state of ['active', 'half_open'])
    assert.equal(standing({ state }).startsNothing, false);
});

test("an operator's wish is in force at once", () => {
  assert.deepEqual(standing({ state: 'active' }, {}, 'paused'), {
    state: 'paused',
    reason: 'set to paused by an operator',
    startsNothing: true,
  });
});

test('a deployment that is to go on does, while the dispatcher still says that an operator paused it', () => {
  for (const state of ['paused', 'draining'])
    assert.deepEqual(standing({ state, reason: `set to ${state} by an operator` }), {
      state: 'active',
      reason: null,
      startsNothing: false,
    });
});

test("a 429's pause is told, and is no reason to call it idle", () => {
  const { reason, startsNothing } = standing(
    { state: 'active' },
    { pausedForMs: 9e4, refusedForMs: 9e4 },
  );
  assert.equal(startsNothing, false);
  assert.match(String(reason), /^paused until 1970-01-01T00:01:30.000Z by a 429/);
});
