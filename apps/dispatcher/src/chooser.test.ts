import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DEPTH } from '@sluice/balancing';
import { Chooser } from './chooser.ts';
import type { Wanted } from './chooser.ts';
import { fleetOf, pictureOf } from './example-fleet.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';

const FLEET = `
deployments:
  a: { provider: p, model: m }
  b: { provider: p, model: m }
pools: { fast: { tiers: [[a], [b]] } }
`;
const ALL = 0xffff;

function chooserOf() {
  const clock = { now: 1_000 };
  const fleet = fleetOf(FLEET);
  const picture = pictureOf(fleet, clock.now);
  const now = () => clock.now;
  const chooser = new Chooser({ fleet, picture, depth: DEFAULT_DEPTH, now, random: () => 0.5 });
  return { chooser, clock };
}

const wanted = (maxTier: number | null): Wanted => ({
  shape: { characters: 40, maxOutput: 10, inputs: 1 },
  likely: NOTHING_KNOWN,
  jobs: 1,
  band: 'interactive',
  exclude: [],
  eligible: null,
  minTier: 1,
  maxTier,
  waitingSince: 1_000,
});

test('who may be the last one follows what jobs may use: the pool, a part of it, a deployment named', () => {
  const { chooser, clock } = chooserOf();
  chooser.choose(wanted(null), 'fast');
  assert.deepEqual(chooser.reaches, [['a', 'b']]);
  chooser.choose(wanted(1), 'fast');
  chooser.choose(wanted(null), 'deployment/b');
  assert.deepEqual(chooser.reaches, [['a', 'b'], ['a'], ['b']]);
  assert.equal(chooser.hasBatchTraffic('a'), false);
  clock.now += 10_000;
  assert.deepEqual(chooser.reaches, [['a', 'b']]);
});

test('lines that wait count as asking although nobody places them', () => {
  const { chooser } = chooserOf();
  chooser.linesWait('fast', { formats: ALL, maxTier: 1 });
  assert.deepEqual(chooser.reaches, [['a', 'b'], ['a']]);
  assert.deepEqual([chooser.hasBatchTraffic('a'), chooser.hasBatchTraffic('b')], [true, true]);
});
