/** What placement makes of limits per day and month. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WindowLoad } from '@sluice/admission';
import { Chooser } from './chooser.ts';
import { fleetOf, loadOf } from './example-fleet.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';
import { Picture } from './picture.ts';

const NOW = 1_000;
const FLEET = fleetOf(`
deployments:
  day: { provider: p, model: m, limits: { rpm: 60000, tpd: 10000 } }
  free: { provider: p, model: m, limits: { rpm: 60000 } }
pools: { both: { tiers: [[day], [free]] }, only: [day], others: [free] }
`);

function chooserWith(used: number): { chooser: Chooser; picture: Picture } {
  const tpd: WindowLoad = {
    budget: 'day',
    dimension: 'tpd',
    limit: 10_000,
    used,
    nextMs: 3_600_000,
    usedFraction: used / 10_000,
  };
  const picture = new Picture(FLEET);
  picture.update(
    new Map([
      ['day', { ...loadOf([]), windows: [tpd] }],
      ['free', loadOf([])],
    ]),
    NOW,
  );
  const depth = { depthMs: 1_000, unlimitedDepth: 1_000, chunkMs: 100, chunkJobs: 32 };
  const ports = { fleet: FLEET, picture, depth, now: () => NOW, random: () => 0.5 };
  return { chooser: new Chooser(ports), picture };
}

const wanted = (tokens: number, more: { jobs?: number; shunned?: string } = {}) => ({
  shape: { characters: 4 * tokens, maxOutput: 0, inputs: 1 },
  likely: NOTHING_KNOWN,
  jobs: 1,
  band: 'batch' as const,
  exclude: [],
  eligible: null,
  minTier: 1,
  maxTier: null,
  waitingSince: NOW,
  ...more,
});

test('what its day has no room for goes to the next tier, what it has room for does not', () => {
  const { chooser } = chooserWith(8_500);
  const placeOf = (tokens: number): unknown => {
    const choice = chooser.choose(wanted(tokens), 'both');
    return choice.kind === 'place' ? choice.deployment : choice.kind;
  };
  assert.equal(placeOf(2_000), 'free');
  assert.equal(placeOf(1_000), 'day');
  assert.equal(placeOf(1_000), 'free', 'what was just placed counts');
});

test('where nobody else may take it, it waits; a smaller one does not', () => {
  const { chooser } = chooserWith(8_500);
  assert.equal(chooser.choose(wanted(2_000), 'only').kind, 'wait');
  assert.equal(chooser.choose(wanted(100), 'only').kind, 'place');
});

test('no more together than the day has left', () => {
  const { chooser, picture } = chooserWith(8_500);
  const choice = chooser.choose(wanted(400, { jobs: 32 }), 'both');
  assert.ok(choice.kind === 'place');
  assert.deepEqual([choice.deployment, choice.jobs], ['day', 3]);
  assert.equal(picture.queued('day'), 3);
});

test('what a worker has just handed back does not go there again, though it seems to fit', () => {
  const { chooser } = chooserWith(0);
  const choice = chooser.choose(wanted(100, { shunned: 'day' }), 'both');
  assert.ok(choice.kind === 'place' && choice.deployment === 'free');
  assert.equal(chooser.choose(wanted(100, { shunned: 'day' }), 'only').kind, 'wait');
});

test('knows which pools count days', () => {
  const { chooser } = chooserWith(0);
  const counts = ['both', 'only', 'others', 'deployment/day'].map((id) => chooser.countsDays(id));
  assert.deepEqual(counts, [true, true, false, true]);
});
