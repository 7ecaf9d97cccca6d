/** What operators are told: what was really placed and what really ended lately, not what limits and lifetimes say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import { fleetOf, loadOf, pictureOf } from './example-fleet.ts';
import { liveFigures } from './live-figures.ts';
import type { Picture } from './picture.ts';

const NOW = 1_000_000;
const FLEET = fleetOf(`
deployments:
  cheap: { provider: p, model: m, limits: { rpm: 60 } }
  dear: { provider: p, model: m, limits: { rpm: 1140 } }
pools: { fast: { strategy: cost, tiers: [[cheap, dear]] }, other: [dear], idle: [cheap] }
`);

const figures = (picture: Picture, now: number, takes: (id: string) => boolean = () => true) =>
  liveFigures({
    fleet: FLEET,
    picture,
    takes,
    waiting: [new Map([['fast', 30]]), new Map([['fast', 5]])],
    now,
  });

const give = (picture: Picture, to: string, jobs: number, now = NOW): void => {
  const [pool = '', deployment = ''] = to.split(' ');
  picture.given.count({ pool, deployment }, jobs, now);
};

test('share is what was placed; what limits would let pass has a name of its own', () => {
  const picture = pictureOf(FLEET, NOW);
  give(picture, 'fast cheap', 13);
  const { pools, deployments } = figures(picture, NOW + 1_000);
  assert.deepEqual(pools['fast']?.deployments, {
    cheap: { share: 1, capacity_share: 0.05 },
    dear: { share: 0, capacity_share: 0.95 },
  });
  assert.deepEqual(pools['idle']?.deployments['cheap'], { share: null, capacity_share: 1 });
  assert.equal(deployments.get('cheap')?.share, 1);
});

test('of a deployment in several pools it is the share of all their work', () => {
  const picture = pictureOf(FLEET, NOW);
  give(picture, 'fast cheap', 30);
  give(picture, 'other dear', 10);
  const { pools, deployments } = figures(picture, NOW);
  assert.deepEqual(pools['fast']?.deployments['dear']?.share, 0);
  assert.deepEqual(pools['other']?.deployments['dear']?.share, 1);
  assert.deepEqual(deployments.get('dear')?.share, 0.25);
});

test('who takes nothing any more has 0 at once, and begins anew when it does again', () => {
  const picture = pictureOf(FLEET, NOW);
  give(picture, 'fast cheap', 30);
  give(picture, 'fast dear', 30);
  const broken = figures(picture, NOW, (id) => id !== 'cheap');
  const shares = ({ pools }: typeof broken) => [
    pools['fast']?.deployments['cheap']?.share,
    pools['fast']?.deployments['dear']?.share,
  ];
  assert.deepEqual(shares(broken), [0, 1]);
  assert.equal(broken.deployments.get('cheap')?.share, 0);
  assert.equal(
    broken.pools['idle']?.deployments['cheap']?.share,
    0,
    'also where nothing is placed',
  );
  assert.deepEqual(shares(figures(picture, NOW)), [0, 1]);
  give(picture, 'fast cheap', 30);
  assert.deepEqual(shares(figures(picture, NOW)), [0.5, 0.5]);
});

test('what waits is added up by pool', () => {
  const { pools } = figures(pictureOf(FLEET, NOW), NOW);
  assert.deepEqual([pools['fast']?.waiting, pools['other']?.waiting], [35, 0]);
});

test('the error rate is of the last half minute, 429s and lost calls not counted, and forgotten when nothing ends', () => {
  const picture = pictureOf(FLEET, NOW);
  const rate = (now: number) => figures(picture, now).deployments.get('cheap')?.error_rate;
  const look = (now: number, ok: number, byOutcome: DeploymentLoad['byOutcome']) => {
    const failed = Object.values(byOutcome).reduce((sum, count) => sum + count, 0);
    picture.update(new Map([['cheap', { ...loadOf([]), ok, failed, byOutcome }]]), now);
  };
  assert.equal(rate(NOW), null);
  look(NOW + 1_000, 600, { rate_limited: 50, lost: 20 });
  assert.equal(rate(NOW + 1_000), 0);
  // Of the lifetime 7 of 607 have failed.
  look(NOW + 241_000, 600, { rate_limited: 50, lost: 20, network: 7 });
  assert.ok((rate(NOW + 241_000) ?? 0) > 0.95, `${rate(NOW + 241_000)}`);
  look(NOW + 242_000, 607, { rate_limited: 50, lost: 20, network: 7 });
  assert.ok(Math.abs((rate(NOW + 242_000) ?? 0) - 0.5) < 0.05);
  look(NOW + 305_000, 607, { rate_limited: 50, lost: 20, network: 7 });
  assert.equal(rate(NOW + 305_000), null);
});
