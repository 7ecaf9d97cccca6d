/** What the turns promise, over thousands of random workloads in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRIORITIES } from '@sluice/job';
import type { Priority } from '@sluice/job';
import { seededRandom } from '@sluice/testing';
import fc from 'fast-check';
import { arrive, leave } from './arrive.ts';
import { admitted, nextTurn, settled } from './next-turn.ts';
import type { Turn } from './next-turn.ts';
import { TURN_SETTINGS, createTurns, setWeight } from './turns.ts';
import type { Item, Turns } from './turns.ts';

const seeds = fc.integer({ min: 0, max: 0xffffffff });
const RUNS = { numRuns: 1_000 };
const MOST = 100;

const below = (random: () => number, limit: number): number => Math.floor(random() * limit);
const yes = (): 'yes' => 'yes';

/** A batch that is never used up. */
const batch = (tenant: string, more: Partial<Item> = {}): Item => ({
  id: `batch-${tenant}-${more.lane ?? 'fast'}`,
  tenant,
  band: 'low',
  lane: 'fast',
  deadlineAt: 0,
  ...more,
});

const weigh = (turns: Turns, tenants: string[], random: () => number): Map<string, number> =>
  new Map(
    tenants.map((tenant) => {
      const weight = 1 + below(random, 5);
      setWeight(turns, tenant, weight);
      return [tenant, weight];
    }),
  );

test('two tenants with work waiting: what each has had for its weight differs by two items at most', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = seededRandom(seed);
      const turns = createTurns();
      const weights = weigh(turns, ['a', 'b', 'c'], random);
      for (const tenant of weights.keys()) arrive(turns, batch(tenant));
      const had = new Map([...weights.keys()].map((tenant) => [tenant, 0]));
      for (let i = 0; i < 300; i += 1) {
        const turn = nextTurn(turns, yes) as Turn;
        const cost = 1 + below(random, MOST);
        admitted(turns, turn, { costMs: cost, finished: false });
        had.set(turn.tenant, (had.get(turn.tenant) as number) + cost);
        const shares = [...weights].map(([one, weight]) => (had.get(one) as number) / weight);
        assert.ok(Math.max(...shares) - Math.min(...shares) <= 2 * MOST);
      }
    }),
    RUNS,
  );
});

test('the same holds of what was really spent, when estimates are wrong and settled late', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = seededRandom(seed);
      const turns = createTurns();
      const weights = weigh(turns, ['a', 'b'], random);
      for (const tenant of weights.keys()) arrive(turns, batch(tenant));
      const spent = new Map([...weights.keys()].map((tenant) => [tenant, 0]));
      const calls: { turn: Turn; expected: number; actual: number }[] = [];
      const IN_FLIGHT = 8;
      for (let i = 0; i < 300; i += 1) {
        const turn = nextTurn(turns, yes) as Turn;
        const [expected, actual] = [1 + below(random, MOST), 1 + below(random, MOST)];
        admitted(turns, turn, { costMs: expected, finished: false });
        spent.set(turn.tenant, (spent.get(turn.tenant) as number) + actual);
        calls.push({ turn, expected, actual });
        if (calls.length < IN_FLIGHT) continue;
        const [ended] = calls.splice(below(random, calls.length), 1);
        if (ended) settled(turns, ended.turn, ended.actual - ended.expected);
      }
      const shares = [...weights].map(([one, weight]) => (spent.get(one) as number) / weight);
      // Two items, and what is in flight is not known yet.
      assert.ok(Math.abs((shares[0] as number) - (shares[1] as number)) <= (2 + IN_FLIGHT) * MOST);
    }),
    RUNS,
  );
});

test('idle time is not banked: who comes back is at most two items ahead of what is fair from then on', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = seededRandom(seed);
      const turns = createTurns();
      const weights = weigh(turns, ['a', 'b', 'c'], random);
      arrive(turns, batch('a'));
      arrive(turns, batch('b'));
      for (let round = 0; round < 6; round += 1) {
        for (let i = below(random, 200); i > 0; i -= 1) takeTurn(turns, random);
        if (round % 2 === 0) arrive(turns, batch('c'));
        else leave(turns, 'batch-c-fast');
        const had = new Map([...weights.keys()].map((tenant) => [tenant, 0]));
        for (let i = 0; i < 50; i += 1) {
          const { tenant, cost } = takeTurn(turns, random);
          had.set(tenant, (had.get(tenant) as number) + cost);
          const of = (one: string): number =>
            (had.get(one) as number) / (weights.get(one) as number);
          if (round % 2 === 0) assert.ok(of('c') - Math.min(of('a'), of('b')) <= 2 * MOST);
        }
      }
    }),
    RUNS,
  );
});

function takeTurn(turns: Turns, random: () => number): { tenant: string; cost: number } {
  const taken = nextTurn(turns, yes) as Turn;
  const cost = 1 + below(random, MOST);
  admitted(turns, taken, { costMs: cost, finished: false });
  return { tenant: taken.tenant, cost };
}

/** Random arrivals, lanes that open and shut, departures: what may happen in an hour. */
function* happenings(random: () => number): Generator<{ turns: Turns; open: Set<string> }> {
  const turns = createTurns();
  const lanes = ['fast', 'smart', 'slow'];
  const open = new Set(lanes);
  for (let i = 0; i < 400; i += 1) {
    const band = PRIORITIES[below(random, 3)] as Priority;
    const lane = lanes[below(random, 3)] as string;
    const tenant = `t${below(random, 6)}`;
    const what = random();
    if (what < 0.5)
      arrive(turns, { id: `i${i}`, tenant, band, lane, deadlineAt: below(random, 50) });
    else if (what < 0.6) leave(turns, `i${below(random, i + 1)}`);
    else if (what < 0.7) {
      if (!open.delete(lane)) open.add(lane);
    } else yield { turns, open };
  }
}

test('work-conserving: whenever anything that waits has room, there is a turn, and it has room', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = seededRandom(seed);
      for (const { turns, open } of happenings(random)) {
        const some = [...turns.items.values()].some(({ lane }) => open.has(lane));
        const taken = nextTurn(turns, ({ item }) => (open.has(item.lane) ? 'yes' : 'lane_full'));
        assert.equal(taken !== null, some);
        if (!taken) continue;
        assert.ok(open.has(taken.item.lane));
        admitted(turns, taken, { costMs: below(random, MOST), finished: random() < 0.8 });
      }
    }),
    RUNS,
  );
});

test('in a tenant, band and lane nothing goes before what is due earlier; of bands the upper goes first', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = seededRandom(seed);
      for (const { turns } of happenings(random)) {
        const taken = nextTurn(turns, yes);
        if (!taken) continue;
        const { item, overdue } = taken;
        const rank = PRIORITIES.indexOf(item.band);
        for (const other of turns.items.values()) {
          const sameQueue = other.band === item.band && other.lane === item.lane;
          if (sameQueue && other.tenant === item.tenant)
            assert.ok(item.deadlineAt <= other.deadlineAt);
          assert.ok(overdue || rank <= PRIORITIES.indexOf(other.band));
        }
        admitted(turns, taken, { costMs: below(random, MOST), finished: true });
      }
    }),
    RUNS,
  );
});

test('nobody starves: whatever floods from above, each lane of each band has its turn in time', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = seededRandom(seed);
      const turns = createTurns();
      weigh(turns, ['a', 'b', 'c'], random);
      arrive(turns, batch('a', { band: 'interactive' }));
      arrive(turns, batch('b', { band: 'normal' }));
      arrive(turns, batch('c', { band: 'low', lane: 'fast' }));
      arrive(turns, batch('d', { band: 'low', lane: 'smart' }));
      const last = new Map<string, number>();
      for (let i = 0; i < 2_000; i += 1) {
        const taken = nextTurn(turns, yes) as Turn;
        last.set(taken.item.id, turns.servedMs);
        admitted(turns, taken, { costMs: 50 + below(random, MOST - 50), finished: false });
        // Its patience, the turn under way, and one item of each other queue that was due before it.
        const { normal, low } = TURN_SETTINGS.patienceMs;
        for (const [id, patience] of [
          ['batch-b-fast', normal],
          ['batch-c-fast', low],
          ['batch-d-smart', low],
        ] as const)
          assert.ok(turns.servedMs - (last.get(id) ?? 0) <= patience + 4 * MOST);
      }
    }),
    { numRuns: 200 },
  );
});

test('interactive jobs go first in ordinary life: others get between them only once in their patience', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const random = seededRandom(seed);
      const turns = createTurns();
      arrive(turns, batch('a', { band: 'interactive' }));
      arrive(turns, batch('b', { band: 'normal' }));
      arrive(turns, batch('c', { band: 'low' }));
      let between = 0;
      for (let i = 0; i < 1_000; i += 1) {
        const taken = nextTurn(turns, yes) as Turn;
        const cost = below(random, MOST);
        if (taken.band !== 'interactive') between += cost;
        admitted(turns, taken, { costMs: cost, finished: false });
      }
      const { normal, low } = TURN_SETTINGS.patienceMs;
      const most = (turns.servedMs / normal + turns.servedMs / low) * MOST;
      assert.ok(between <= most, `${between} of ${turns.servedMs}`);
    }),
    { numRuns: 200 },
  );
});
