/** What is kept between two placements is what would be reckoned anew, whatever was placed, corrected or looked at in between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DeploymentLoad } from '@sluice/admission';
import { newBreaker, spokenForMs } from '@sluice/balancing';
import type { Candidate, Health } from '@sluice/balancing';

import { fleetOf, loadOf } from './example-fleet.ts';
import { NOTHING_KNOWN } from './lengths-book.ts';
import { Picture } from './picture.ts';

const FLEET = fleetOf(`
budgets: { org: { rpm: 1200, tpm: 60000, concurrency: 50 }, team: { itpm: 30000, concurrency: 9 } }
deployments:
  a: { provider: p, model: m, limits: { rpm: 600, concurrency: 8 }, budget: org }
  b: { provider: p, model: m, limits: { tpm: 6000 }, budget: [org, team] }
  c: { provider: p, model: m, budget: team }
  alone: { provider: p, model: m, limits: { rpm: 60 } }
pools: { fast: { tiers: [[a, b], [c, alone]] } }
`);
const IDS = [...FLEET.deployments.keys()];
const TIERS = [
  ['a', 'b'],
  ['c', 'alone'],
];
const UNITS = {
  rpm: (cost: { requests: number }) => cost.requests,
  tpm: (cost: { input: number; output: number }) => cost.input + cost.output,
  itpm: (cost: { input: number }) => cost.input,
};
type Dimension = keyof typeof UNITS;

const BREAKERS: Record<'closed' | 'half_open', Health['breaker']> = {
  closed: newBreaker(0),
  // Anyone may try it from 1,300 on.
  half_open: { kind: 'half_open', since: -28_700, successes: 0, trips: 0 },
};

/** As Redis would say it. */
function lookOf(
  id: string,
  { taken, aheadMs }: { taken: number; aheadMs: number },
): DeploymentLoad {
  const budgets = FLEET.deployments.get(id)?.budgets ?? [];
  const dims = budgets.flatMap((budget) =>
    Object.entries(FLEET.budgets.get(budget)?.limits ?? {})
      .filter(([dimension]) => dimension in UNITS)
      .map(([dimension, limit]) => ({
        budget,
        dimension,
        limit,
        ratePerMs: Number(limit) / 60_000,
      })),
  );
  const load = loadOf(dims);
  return { ...load, taken, dims: load.dims.map((dim) => ({ ...dim, aheadMs })) };
}

const id = fc.constantFrom(...IDS);
const step = fc.oneof(
  fc.record({
    kind: fc.constant('placed' as const),
    id,
    jobs: fc.nat(40),
    input: fc.nat(900),
    output: fc.nat(90),
  }),
  fc.record({ kind: fc.constant('recount' as const), id, jobs: fc.integer({ min: -40, max: 9 }) }),
  fc.record({ kind: fc.constant('emptied' as const), id }),
  fc.record({
    kind: fc.constant('looked' as const),
    ids: fc.subarray(IDS),
    taken: fc.nat(60),
    aheadMs: fc.nat(700),
  }),
  fc.record({
    kind: fc.constant('health' as const),
    id,
    wish: fc.constantFrom('active', 'paused'),
    breaker: fc.constantFrom('closed', 'half_open'),
  }),
  fc.record({ kind: fc.constant('waited' as const), ms: fc.nat(400) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** The picture, and beside it what it is reckoned from. */
class Reckoned {
  readonly picture = new Picture(FLEET);
  readonly #health = new Map<string, Health>();
  readonly #looks = new Map<string, { load: DeploymentLoad; at: number }>();
  readonly #given = new Set<string>();
  readonly #taken = new Map<string, number>();
  now = 1_000;

  constructor() {
    this.picture.setHealth(this.#health);
    this.#look(IDS, { taken: 0, aheadMs: 0 });
  }

  #look(ids: readonly string[], said: { taken: number; aheadMs: number }): void {
    const loads = ids.map((one) => {
      const taken = (this.#taken.get(one) ?? 0) + said.taken;
      this.#taken.set(one, taken);
      return [one, lookOf(one, { ...said, taken })] as const;
    });
    for (const [one, load] of loads) this.#looks.set(one, { load, at: this.now });
    this.picture.update(new Map(loads), this.now);
  }

  take(done: Step): void {
    const { picture, now } = this;
    if (done.kind === 'placed') {
      const { input, output } = done;
      picture.placed(done.id, done.jobs, { cost: { requests: 1, input, output, usd: 0 }, now });
      this.#given.add(done.id);
    } else if (done.kind === 'recount') picture.recount(done.id, done.jobs);
    else if (done.kind === 'emptied') picture.emptied(done.id);
    else if (done.kind === 'looked') this.#look(done.ids, done);
    else if (done.kind === 'waited') this.now += done.ms;
    else {
      const { wish } = done;
      this.#health.set(done.id, { wish, block: null, breaker: BREAKERS[done.breaker] });
      picture.setHealth(this.#health);
    }
  }

  /** Of everything that may change, summed up over all deployments. */
  expected(one: string): Partial<Candidate> {
    const { load, at } = this.#looks.get(one) ?? assert.fail();
    return {
      id: one,
      tier: TIERS.findIndex((tier) => tier.includes(one)) + 1,
      // Of a trial tells what was placed and ended.
      ...(this.#stateOf(one) !== 'half_open' && { queued: this.picture.queued(one) }),
      state: this.#stateOf(one),
      sharedSlots: (FLEET.deployments.get(one)?.budgets ?? []).flatMap((budget) => {
        const limit = FLEET.budgets.get(budget)?.limits.concurrency;
        if (limit === undefined || budget === one) return [];
        const drawers = this.#drawers(budget);
        return [
          {
            budget,
            limit,
            taken: drawers.reduce((sum, other) => sum + this.picture.queued(other), 0),
          },
        ];
      }),
      rates: load.dims.map(({ budget, dimension, ratePerMs: perMs, aheadMs }) => {
        let ahead = Math.max(0, aheadMs - (this.now - at));
        for (const other of this.#drawers(budget).filter((each) => this.#given.has(each))) {
          const units = UNITS[dimension as Dimension](this.picture.usualCost([other]));
          ahead += (this.picture.queued(other) * units) / perMs;
        }
        return { budget, dimension, perMs, aheadMs: ahead };
      }),
    };
  }

  #stateOf(one: string): Candidate['state'] {
    const health = this.#health.get(one);
    return health?.wish === 'active' && health.breaker.kind === 'half_open'
      ? 'half_open'
      : (health?.wish ?? 'active');
  }

  #drawers = (budget: string): string[] =>
    IDS.filter((one) => FLEET.deployments.get(one)?.budgets.includes(budget));
}

/** But for what adding up in another order makes of the last digits. */
function rounded({ rates = [], ...rest }: Partial<Candidate>): Partial<Candidate> {
  const about = rates.map((rate) => ({ ...rate, aheadMs: Number(rate.aheadMs.toPrecision(12)) }));
  return { ...rest, rates: about };
}

/** A pool that nobody has asked for before: nothing is kept of it. */
const anewIn = ({ picture, now }: Reckoned, tiers = TIERS): readonly Candidate[] =>
  picture.lineup([...tiers], now).candidates;

test('whatever happens, candidates are as reckoned from all that happened', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const reckoned = new Reckoned();
      for (const each of steps) {
        reckoned.take(each);
        for (const candidate of anewIn(reckoned)) {
          const expected = rounded(reckoned.expected(candidate.id));
          assert.deepEqual({ ...rounded(candidate), ...expected }, rounded(candidate));
        }
      }
    }),
    { numRuns: 300 },
  );
});

/** But for where it stands in a pool. */
const withoutPlace = (one: Candidate | null) => ({ ...one, at: null, tier: null });

const SHAPES = [
  { characters: 40, maxOutput: 10, inputs: 1 },
  { characters: 900, maxOutput: null, inputs: 1 },
];

/** Holds after each of whatever happens. */
function alwaysHolds(check: (reckoned: Reckoned) => void, numRuns: number): void {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const reckoned = new Reckoned();
      for (const each of steps) {
        reckoned.take(each);
        check(reckoned);
      }
    }),
    { numRuns },
  );
}

test('whatever happens between them, a lineup that is kept says what one that is made anew does', () => {
  alwaysHolds((reckoned) => {
    const { picture } = reckoned;
    const lineup = picture.lineup(TIERS, reckoned.now);
    // One that is made anew brings figures that are shared up to date for all.
    const kept = structuredClone(lineup.candidates);
    const anew = anewIn(reckoned);
    assert.deepEqual(kept, anew);
    for (const shape of SHAPES)
      for (const likely of [NOTHING_KNOWN, { certainty: 0.5, mean: (n: number) => n / 2 }]) {
        const costs = anew.map(({ id: one }) => picture.cost(one, shape, likely));
        assert.deepEqual([...lineup.costs(shape, likely)], costs);
        assert.deepEqual(
          Array.from(lineup.spokenForMs(shape, likely)),
          anew.map((one, at) => spokenForMs(one, costs[at] ?? assert.fail())),
        );
      }
  }, 300);
});

test('whatever happens between them, so does one of a pool whose budgets others draw on too', () => {
  const tiers = [['a'], ['c']];
  alwaysHolds((reckoned) => {
    const kept = structuredClone(reckoned.picture.lineup(tiers, reckoned.now).candidates);
    assert.deepEqual(kept, anewIn(reckoned, tiers));
  }, 100);
});

test('a lineup is kept from one look to the next, with the costs of like jobs', () => {
  const { picture, now } = new Reckoned();
  const [shape] = SHAPES as [(typeof SHAPES)[0]];
  const lineup = picture.lineup(TIERS, now);
  const costs = lineup.costs(shape, NOTHING_KNOWN);
  const [, b, c] = lineup.candidates;
  picture.placed('a', 3, { cost: { requests: 1, input: 10, output: 10, usd: 0 }, now });
  assert.equal(picture.lineup(TIERS, now + 5), lineup);
  assert.ok(lineup.costs({ ...shape }, NOTHING_KNOWN) === costs);
  assert.ok(lineup.candidates[1] === b && lineup.candidates[2] === c);
  picture.update(new Map(), now + 50);
  assert.ok(picture.lineup(TIERS, now + 50) !== lineup);
});

test('whatever happens between them, a deployment by itself is as in a pool', () => {
  alwaysHolds((reckoned) => {
    const alone = IDS.map((one) => structuredClone(reckoned.picture.candidate(one, reckoned.now)));
    assert.deepEqual(alone.map(withoutPlace), anewIn(reckoned).map(withoutPlace));
  }, 100);
});

const rateOf = (one: Candidate | undefined, budget: string) =>
  one?.rates.find((rate) => rate.budget === budget) ?? assert.fail();

test('what a budget is to all that share it is the same objects in all of them, unless one is paused for itself', () => {
  const { picture, now } = new Reckoned();
  const looks = IDS.map((one): [string, DeploymentLoad] => {
    const load = lookOf(one, { taken: 0, aheadMs: 0 });
    return [one, one === 'c' ? { ...load, refusedForMs: 900 } : load];
  });
  picture.update(new Map(looks), now);
  const [a, b, c] = picture.lineup(TIERS, now).candidates;
  assert.ok(rateOf(a, 'org') === rateOf(b, 'org'));
  assert.ok(a?.sharedSlots?.[0] === b?.sharedSlots?.[0]);
  assert.equal(rateOf(b, 'team').aheadMs, 0);
  assert.equal(rateOf(c, 'team').aheadMs, 900);
});

test('one that stands as before is not made again; what is placed on others is taken over in place', () => {
  const { picture, now } = new Reckoned();
  const [a, b, c] = ['a', 'b', 'c'].map((one) => picture.candidate(one, now));
  picture.placed('a', 3, { cost: { requests: 1, input: 10, output: 10, usd: 0 }, now });
  const after = ['a', 'b', 'c'].map((one) => picture.candidate(one, now));
  assert.ok(after[0] !== a && after[1] === b && after[2] === c);
  assert.ok(b?.rates.some(({ aheadMs }) => aheadMs > 0));
});
