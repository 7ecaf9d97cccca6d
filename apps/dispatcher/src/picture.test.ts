/** How much a deployment is given and how soon it takes it: by limits as they stand, not as they are configured. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import { newBreaker, room } from '@sluice/balancing';
import { drainingOfLines, fleetOf, loadOf, pictureOf, problemPortsOf } from './example-fleet.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { problemOf } from './fleet-problem.ts';
import { planProblem } from './plan-problem.ts';

const NOW = 1_000;
const FLEET = fleetOf(`
deployments:
  known: { provider: p, model: m, limits: { rpm: 600, concurrency: 32 } }
  unknown: { provider: p, model: m }
pools: { fast: [known, unknown] }
`);
const DEPTH = { depthMs: 1_000, unlimitedDepth: 1_000, chunkMs: 100, chunkJobs: 32 };
const ONE = { requests: 1, input: 10, output: 10 };

const looked = (loads: Record<string, Partial<DeploymentLoad>>) => {
  const picture = pictureOf(FLEET, NOW);
  const whole = Object.entries(loads).map(
    ([id, load]) => [id, { ...loadOf([]), ...load }] as [string, DeploymentLoad],
  );
  picture.update(new Map(whole), NOW);
  return picture;
};
const dim = (budget: string, dimension: string, limit: number) =>
  ({
    budget,
    dimension,
    limit,
    ratePerMs: limit / 60_000,
    aheadMs: 0,
  }) as DeploymentLoad['dims'][0];

const rateIn = (picture: Picture, id: string, dimension: string) =>
  problemOf({ fleet: FLEET, picture }, [])
    .budgets.find((budget) => budget.id === id)
    ?.rates.find((rate) => rate.dimension === dimension)?.perMs;

const concurrency = (slots: DeploymentLoad['slots']) =>
  problemOf({ fleet: FLEET, picture: looked({ known: { slots } }) }, []).deployments[0]
    ?.concurrency;

const roomOf = (load: Partial<DeploymentLoad>): number => {
  const candidate = looked({ unknown: load }).candidate('unknown', NOW);
  return candidate ? room(candidate, ONE, DEPTH) : assert.fail();
};

describe('limits as they stand', () => {
  test('a limit that headers or 429s teach counts where it is lower, or where none is configured', () => {
    const picture = looked({
      known: { dims: [dim('known', 'rpm', 300)] },
      unknown: { dims: [dim('unknown', 'tpm', 60_000)] },
    });
    assert.equal(rateIn(picture, 'known', 'rpm'), 300 / 60_000);
    assert.equal(rateIn(picture, 'unknown', 'tpm'), 1);
    assert.equal(rateIn(picture, 'unknown', 'rpm'), undefined);
  });

  test('a higher one is the operator’s choice not to use; before a look, what is configured', () => {
    const picture = looked({ known: { dims: [dim('known', 'rpm', 900)] } });
    assert.equal(rateIn(picture, 'known', 'rpm'), 600 / 60_000);
    assert.equal(rateIn(pictureOf(FLEET, NOW), 'known', 'rpm'), 600 / 60_000);
  });

  test('calls at once that a 429 taught bound T*, a slow start does not', () => {
    const own = { budget: 'known', size: 7.5, used: 0 };
    assert.equal(concurrency([{ ...own, taught: true }]), 7);
    assert.equal(concurrency([{ ...own, taught: false }]), 32);
  });
});

test('a deployment of which nothing is known is given what its slow start takes within a second, no more', () => {
  const start = { budget: 'unknown', size: 4, used: 0, taught: false };
  assert.equal(roomOf({ slots: [] }), 1_000);
  const quick = { ok: 5, meanLatencyMs: 500 };
  assert.equal(roomOf({ ...quick, slots: [start] }), 4 + 8);
  assert.equal(roomOf({ ...quick, slots: [{ ...start, size: 64 }], inFlight: 60 }), 64 + 128 - 60);
});

/** After 10 s of looks, 4 jobs on the queue at each and 2 taken since the one before; the limit is booked so far ahead, ms. */
function pickUpOf(aheadMs: number, wish: 'active' | 'paused' = 'active'): number {
  const picture = pictureOf(FLEET, 0);
  const health = { wish, block: null, breaker: newBreaker(0) };
  picture.setHealth(new Map([['known', health]]));
  const cost = { ...ONE, usd: 0 };
  picture.placed('known', 4, { cost, now: 0 });
  for (let look = 1; look <= 100; look += 1) {
    picture.placed('known', 2, { cost, now: look * 100 });
    const load = {
      ...loadOf([]),
      taken: 2 * look,
      dims: [{ ...dim('known', 'rpm', 600), aheadMs }],
    };
    picture.update(new Map([['known', load]]), look * 100);
  }
  return picture.pickUpMs;
}

test('how long placed work takes until it is taken is seen where no limit holds it up', () => {
  assert.equal(Math.round(pickUpOf(0)), 200);
  assert.equal(pickUpOf(10), 0);
  assert.equal(pickUpOf(0, 'paused'), 0);
});

const swapped = () => {
  const fleet = fleetOf(`
deployments: { old: { provider: p, model: m, price: { input: 1, output: 1 } } }
pools: { fast: { strategy: cost, tiers: [[old]] } }
`);
  const picture = pictureOf(fleet, NOW);
  const { deployments, pools } = fleetOf(`
deployments: { new: { provider: p, model: m, price: { input: 2, output: 2 } } }
pools: { fast: { strategy: cost, tiers: [[new]] } }
`);
  Object.assign(fleet, { deployments, pools });
  return { fleet, picture };
};

describe('a reload that brings one deployment for another', () => {
  test('is not ready before the new one is looked at', () => {
    const { picture } = swapped();
    assert.equal(picture.ready, false);
    picture.update(new Map([['new', loadOf([])]]), NOW);
    assert.equal(picture.ready, true);
    const shape = { characters: 40, maxOutput: 10, inputs: 1 };
    assert.ok(picture.likelyCost('old', shape, NOTHING_KNOWN).usd > 0, 'what was begun with it');
  });

  test('is planned for with what is known of the new one', () => {
    const { fleet, picture } = swapped();
    const batch = drainingOfLines([{ shape: '1.1', lines: 40, characters: 400, maxOutput: 16 }]);
    const { problem } = planProblem({ ...problemPortsOf(fleet, NOW), picture }, [batch], 1e9);
    const [found] = problem.classes;
    assert.deepEqual(Object.keys(found?.deployments ?? {}), ['new']);
  });
});

test('a look that began before a mark does not undo it; one that has seen it does', () => {
  const picture = looked({});
  const breaker = { kind: 'half_open', since: NOW, successes: 0, trips: 1 } as const;
  picture.setHealth(new Map([['known', { wish: 'active', block: null, breaker }]]));
  const look = (at: number, ok: number) => {
    const since = { at, ended: { ok } };
    picture.update(new Map([['known', { ...loadOf([]), since }]]), NOW);
  };
  const underWay = () => picture.candidate('known', NOW)?.queued;
  look(10, 2);
  picture.marked('known');
  picture.placed('known', 1, { cost: { ...ONE, usd: 0 }, now: NOW });
  assert.equal(underWay(), 1);
  look(10, 3);
  assert.equal(underWay(), 1, 'a call that began before the mark has ended');
  look(20, 0);
  assert.equal(underWay(), 1);
  look(20, 1);
  assert.equal(underWay(), 0, 'the trial has ended');
});
