import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import { drain, type DrainJob } from './example-drain.ts';
import { anyProblem, fleet, jobClass, perMinute, planOf } from './example-problems.ts';
import { behindOf, mostNow, type Pace, placed, replan, startPace } from './pace.ts';
import { nextPair, type PaceFacts } from './pacing.ts';
import type { DrainProblem } from './problem.ts';

const always: PaceFacts = { hasRoom: () => true, waiting: () => 1, own: () => true, atMs: 0 };

/** Places so many jobs, one by one; how many went to each pair. */
function follow(pace: Pace, jobs: number, facts: PaceFacts = always): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let job = 0; job < jobs; job += 1) {
    const pair = nextPair(pace, facts);
    if (!pair) break;
    placed(pace, pair, 1);
    const name = `${pair.class}@${pair.deployment}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Short calls where calls are plenty, long ones where tokens are: 6,000 and 600 in a minute. */
const on = ['calls', 'tokens'];
const shapes: DrainProblem = {
  classes: [
    jobClass('short', 6_000, { on, cost: { input: 10 } }),
    jobClass('long', 600, { on, cost: { input: 10_000 } }),
  ],
  ...fleet({
    calls: [perMinute('rpm', 6_000), perMinute('tpm', 60_000)],
    tokens: [perMinute('rpm', 600), perMinute('tpm', 6_000_000)],
  }),
};

describe('keeping step', () => {
  test('at every moment all pairs are equally far', async () => {
    const plan = await planOf({
      classes: [jobClass('a', 300, { on: ['x'] }), jobClass('b', 100, { on: ['x'] })],
      ...fleet({ x: [perMinute('rpm', 60)] }),
    });
    const pace = startPace(plan);
    assert.deepEqual(follow(pace, 40), { 'a@x': 30, 'b@x': 10 });
    assert.deepEqual(follow(pace, 4), { 'a@x': 3, 'b@x': 1 });
  });

  test('a class with a deadline is ahead of the others by as much as it must be', async () => {
    const hasty = { ...jobClass('hasty', 30, { on: ['x'] }), deadlineInMs: 60_000 };
    const plan = await planOf({
      classes: [jobClass('easy', 300, { on: ['x'] }), hasty],
      ...fleet({ x: [perMinute('rpm', 60)] }),
    });
    // Of the first 60 calls, in the first minute, half are the hasty ones; then the others follow.
    assert.deepEqual(follow(startPace(plan), 60), { 'hasty@x': 30, 'easy@x': 30 });
  });

  test('quotas of less than a job are still placed once', async () => {
    const plan = await planOf({
      classes: [jobClass('one', 1, { on: ['x', 'y'] }), jobClass('all', 99, { on: ['x', 'y'] })],
      ...fleet({ x: [perMinute('rpm', 60)], y: [perMinute('rpm', 120)] }),
    });
    let left = 1;
    const pace = startPace(plan);
    const facts = { ...always, waiting: (id: string) => (id === 'one' ? left : 99) };
    for (let job = 0; job < 100; job += 1) {
      const pair = nextPair(pace, facts);
      assert.ok(pair);
      placed(pace, pair, 1);
      if (pair.class === 'one') left -= 1;
    }
    assert.equal(left, 0);
  });

  test('nothing waits, or nothing has room: null', async () => {
    const pace = startPace(await planOf(shapes));
    assert.equal(nextPair(pace, { ...always, waiting: () => 0 }), null);
    assert.equal(nextPair(pace, { ...always, hasRoom: () => false }), null);
  });

  test('a big job that has no room is passed by small ones only a little', async () => {
    const plan = await planOf({
      classes: [jobClass('big', 60, { on: ['x'] }), jobClass('small', 600, { on: ['x'] })],
      ...fleet({ x: [perMinute('rpm', 60)] }),
    });
    const pace = startPace(plan);
    follow(pace, 110);
    const passing = follow(pace, 500, { ...always, hasRoom: (id) => id === 'small' });
    // A second's worth of a plan that gives the small ones ten of eleven calls a second.
    assert.ok((passing['small@x'] ?? 0) <= 12, JSON.stringify(passing));
  });

  test("others' work has no claim on a turn, however far behind it is", async () => {
    const plan = await planOf({
      classes: [jobClass('mine', 60, { on: ['x'] }), jobClass('theirs', 6_000, { on: ['x'] })],
      ...fleet({ x: [perMinute('rpm', 60)] }),
    });
    const mine = { ...always, own: (id: string) => id === 'mine' };
    assert.deepEqual(follow(startPace(plan), 60, mine), { 'mine@x': 60 });
  });

  test('a class that may not go there now has no claim there, and holds up nobody', async () => {
    const plan = await planOf({
      classes: [jobClass('barred', 600, { on: ['x'] }), jobClass('free', 600, { on: ['x'] })],
      ...fleet({ x: [perMinute('rpm', 60)] }),
    });
    const free = { ...always, mayGo: (id: string) => id === 'free' };
    assert.deepEqual(follow(startPace(plan), 300, free), { 'free@x': 300 });
  });

  test('jobs that the plan did not know of go where the class goes, behind all that it knew', async () => {
    const plan = await planOf({
      classes: [jobClass('a', 10, { on: ['x'] }), jobClass('b', 10, { on: ['x'] })],
      ...fleet({ x: [perMinute('rpm', 60)] }),
    });
    const pace = startPace(plan);
    assert.deepEqual(follow(pace, 20), { 'a@x': 10, 'b@x': 10 });
    assert.equal(nextPair(pace, { ...always, waiting: (id) => (id === 'a' ? 5 : 0) })?.class, 'a');
  });
});

/** One class on a deployment and on a spare one, whose own budget is not worth planning for. */
const idleProblem = (spare: { budgets: string[]; latencyMs: number }): DrainProblem => {
  const main = jobClass('k', 60, { on: ['x'], latencyMs: 100 });
  const { x: placement } = main.deployments;
  assert.ok(placement);
  const other = fleet({ x: [perMinute('rpm', 60)], spare: [perMinute('rpm', 0.001)] });
  return {
    classes: [
      {
        ...main,
        deployments: { x: placement, spare: { ...placement, latencyMs: spare.latencyMs } },
      },
    ],
    deployments: [
      { id: 'x', budgets: ['x'], concurrency: null },
      { id: 'spare', budgets: spare.budgets, concurrency: null },
    ],
    budgets: other.budgets,
  };
};
describe('leaving nothing idle', () => {
  test('while there is work for everybody, distinct shapes stay where they belong', async () => {
    const pace = startPace(await planOf(shapes));
    const counts = follow(pace, 3_000);
    assert.deepEqual(Object.keys(counts).toSorted(), ['long@tokens', 'short@calls']);
    // Even when one has no room for a while: what is planned for it waits.
    const held = follow(pace, 3_000, { ...always, hasRoom: (_id, place) => place === 'calls' });
    assert.deepEqual(Object.keys(held), ['short@calls']);
  });

  test('one that has nothing left of its own takes what waits for another', async () => {
    const pace = startPace(await planOf(shapes));
    const onlyLong = { ...always, waiting: (id: string) => (id === 'long' ? 600 : 0) };
    assert.deepEqual(nextPair(pace, onlyLong), { class: 'long', deployment: 'tokens' });
    const full = { ...onlyLong, hasRoom: (_id: string, place: string) => place === 'calls' };
    assert.deepEqual(nextPair(pace, full), { class: 'long', deployment: 'calls' });
  });

  test('one that has work of others is not idle', async () => {
    const pace = startPace(await planOf(shapes));
    const long = { ...always, own: (id: string) => id === 'long' };
    const full = { ...long, hasRoom: (_id: string, place: string) => place === 'calls' };
    assert.equal(nextPair(pace, full), null);
  });

  const xIsFull = { ...always, hasRoom: (_id: string, place: string) => place === 'spare' };

  test('not where its budget is what others wait for', async () => {
    const shared = await planOf(idleProblem({ budgets: ['spare', 'x'], latencyMs: 100 }));
    assert.equal(nextPair(startPace(shared), xIsFull), null);
  });

  test('not where the answer would come after all others', async () => {
    const slow = await planOf(idleProblem({ budgets: ['spare'], latencyMs: 120_000 }));
    assert.equal(nextPair(startPace(slow), xIsFull), null);
    const quick = await planOf(idleProblem({ budgets: ['spare'], latencyMs: 100 }));
    assert.equal(nextPair(startPace(quick), xIsFull)?.deployment, 'spare');
  });
});

/** Half of it by the deadline on the cheap one, one call a second; the other half is the dear one's, which could do 100. */
const patient = (jobs: number, deadlineInMs: number): DrainProblem => {
  const { x, y } = jobClass('k', jobs, { on: ['x', 'y'] }).deployments;
  assert.ok(x && y);
  const dear = { ...y, cost: { ...y.cost, usd: 10 } };
  const cheap = { ...x, cost: { ...x.cost, usd: 1 } };
  return {
    classes: [
      { id: 'k', jobs, deadlineInMs, objective: 'cost', deployments: { x: cheap, y: dear } },
    ],
    ...fleet({ x: [perMinute('rpm', 60)], y: [perMinute('rpm', 6_000)] }),
  };
};

const at = (atMs: number, open = ['x', 'y']): PaceFacts => ({
  hasRoom: (_id, place) => open.includes(place),
  waiting: () => 1,
  own: () => true,
  atMs,
});

describe('saving money', () => {
  test('an idle dear one gets what the plan gives it, when it is due', async () => {
    const pace = startPace(await planOf(patient(200, 100_000)));
    assert.deepEqual(follow(pace, 500, at(0, ['y'])), {});
    assert.deepEqual(follow(pace, 500, at(10_000, ['y'])), { 'k@y': 10 });
    assert.deepEqual(follow(pace, 500, at(11_000, ['y'])), { 'k@y': 1 });
  });

  test('and nothing of what the cheap one does in time', async () => {
    const pace = startPace(await planOf(patient(80, 100_000)));
    assert.deepEqual(follow(pace, 500, at(90_000, ['y'])), {});
    assert.equal(nextPair(pace, at(0))?.deployment, 'x');
  });

  test('what is late takes whatever there is', async () => {
    const pace = startPace(await planOf(patient(20_000, 100_000)));
    assert.equal(follow(pace, 500, at(0, ['y']))['k@y'], 500);
  });

  test('half a job between two plans is a job every second one', async () => {
    let left = 200;
    let pace = startPace(await planOf(patient(left, 100_000)));
    let dear = 0;
    for (let ms = 500; ms < 60_000; ms += 500) {
      const placedNow = follow(pace, 500, at(500, ['y']))['k@y'] ?? 0;
      dear += placedNow;
      left -= placedNow;
      if (ms % 1_000 === 0) left -= 1;
      pace = replan(behindOf(pace, 500), await planOf(patient(left, 100_000 - ms)));
    }
    assert.ok(dear >= 58 && dear <= 61, String(dear));
  });

  test('as many together as are due', async () => {
    const pace = startPace(await planOf(patient(200, 100_000)));
    const dear = { class: 'k', deployment: 'y' };
    assert.deepEqual([mostNow(pace, dear, 500), mostNow(pace, dear, 7_600)], [1, 8]);
    assert.equal(mostNow(pace, { class: 'k', deployment: 'x' }, 0), Infinity);
  });
});

const rareAndOften = (rare: number, often: number): DrainProblem => ({
  classes: [jobClass('rare', rare, { on: ['x'] }), jobClass('often', often, { on: ['x'] })],
  ...fleet({ x: [perMinute('rpm', 60)] }),
});

const planWith = (id: string) =>
  planOf({
    classes: [jobClass(id, 10, { on: ['x'] })],
    ...fleet({ x: [perMinute('rpm', 60)] }),
  });

describe('a new plan', () => {
  test('a pair with a job a minute gets it, though plans come every five seconds', async () => {
    let [rare, often] = [10, 590];
    let pace = startPace(await planOf(rareAndOften(rare, often)));
    const seen: number[] = [];
    for (let second = 0; second < 300; second += 1) {
      if (second % 5 === 0)
        pace = replan(behindOf(pace, 5_000), await planOf(rareAndOften(rare, often)));
      const pair = nextPair(pace, always);
      assert.ok(pair);
      placed(pace, pair, 1);
      if (pair.class === 'rare') seen.push(second);
      if (pair.class === 'rare') rare -= 1;
      else often -= 1;
    }
    assert.ok(seen.length >= 4 && seen.length <= 6, seen.join(', '));
    const gaps = seen.slice(1).map((second, index) => second - (seen[index] ?? 0));
    assert.ok(Math.min(...gaps) >= 40 && Math.max(...gaps) <= 80, seen.join(', '));
  });

  test('what it does not know of is forgotten, what is new begins at once', async () => {
    const pace = startPace(await planWith('old'));
    follow(pace, 3);
    const next = replan(behindOf(pace, 3_000), await planWith('new'));
    placed(next, { class: 'old', deployment: 'x' }, 1);
    assert.deepEqual(nextPair(next, always), { class: 'new', deployment: 'x' });
  });
});

describe('properties', () => {
  test('whatever rooms come and go, everything is placed, each job once, only where there is room', async () => {
    const anyCase = fc.tuple(
      anyProblem({ classes: 4, deployments: 3, shared: true, most: 60 }),
      fc.integer(),
    );
    await fc.assert(
      fc.asyncProperty(anyCase, async ([problem, seed]) => {
        const plan = await planOf(problem);
        const pace = startPace(plan);
        const random = seededRandom(seed);
        const left = new Map(problem.classes.map(({ id, jobs }) => [id, jobs]));
        const total = problem.classes.reduce((sum, { jobs }) => sum + jobs, 0);
        const facts = (open: ReadonlySet<string>): PaceFacts => ({
          ...always,
          hasRoom: (_id, place) => open.has(place),
          waiting: (id) => left.get(id) ?? 0,
        });
        const all = new Set(problem.deployments.map(({ id }) => id));
        for (let step = 0, done = 0; done < total; step += 1) {
          // Rooms come and go; in the end everything is placed, each job once.
          const open = new Set([...all].filter(() => step > 20 * total || random() < 0.5));
          const pair = nextPair(pace, facts(open));
          if (!pair) {
            assert.ok(step <= 21 * total + 100, 'work is left, room everywhere, and no turn');
            continue;
          }
          assert.ok((left.get(pair.class) ?? 0) > 0 && open.has(pair.deployment));
          placed(pace, pair, 1);
          left.set(pair.class, (left.get(pair.class) ?? 0) - 1);
          done += 1;
        }
      }),
      { numRuns: 150 },
    );
  });

  test('distinct shapes drain in little more than T*', async () => {
    const plan = await planOf(shapes);
    const jobs: DrainJob[] = shapes.classes.flatMap(({ id, jobs: count, deployments }) =>
      Array.from({ length: count }, () => ({ class: id, cost: deployments['calls']!.cost })),
    );
    const pace = startPace(plan);
    const took = drain(shapes, jobs, {
      longestMs: 3 * plan.idealMs,
      next: (facts) => {
        const pair = nextPair(pace, facts);
        if (pair) placed(pace, pair, 1);
        return pair;
      },
    });
    assert.ok((took ?? Infinity) <= 1.03 * plan.idealMs, `${took} for ${plan.idealMs}`);
  });
});
