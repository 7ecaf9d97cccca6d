/** What is counted as placed on a queue that turns out to be empty. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { correctCounts } from './correct-counts.ts';
import { fleetOf, pictureOf } from './example-fleet.ts';
import type { Picture } from './picture.ts';

const NOW = 1_000;
const FLEET = fleetOf(
  'deployments: { one: { provider: p, model: m, limits: { rpm: 600 } } }\npools: { fast: [one] }',
);
const COST = { requests: 1, input: 10, output: 10, usd: 0 };
const place = (picture: Picture, jobs: number): void =>
  picture.placed('one', jobs, { cost: COST, now: NOW });
const empty = () => Promise.resolve(0);

test('what an empty queue does not have is counted no longer', async () => {
  const picture = pictureOf(FLEET, NOW);
  place(picture, 3);
  await correctCounts(picture, () => Promise.resolve(1));
  assert.equal(picture.queued('one'), 3);
  await correctCounts(picture, empty);
  assert.equal(picture.queued('one'), 0);
});

test('what is placed while the queue is looked at stays counted', async () => {
  const picture = pictureOf(FLEET, NOW);
  place(picture, 3);
  await correctCounts(picture, () => {
    place(picture, 2);
    return empty();
  });
  assert.equal(picture.queued('one'), 5);
});

test('so does what is on its way to the queue', async () => {
  const picture = pictureOf(FLEET, NOW);
  place(picture, 3);
  const arrivals: (() => void)[] = [];
  const arriving = new Promise<void>((resolve) => arrivals.push(resolve));
  const work = picture.onTheWay.during(new Set(['one']), arriving);
  await correctCounts(picture, empty);
  assert.equal(picture.queued('one'), 3);
  arrivals[0]?.();
  await work;
  await correctCounts(picture, empty);
  assert.equal(picture.queued('one'), 0);
});
