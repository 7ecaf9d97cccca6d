import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from './engine.ts';
import { exampleFleet, jobsAlike, scenario } from './example-scenario.ts';
import { againstWeights } from './fairness.ts';
import type { Task } from './task.ts';

type Begun = [tenant: string, at: number, firstStartAt: number];

const begun = ([tenant, at, firstStartAt]: Begun): Task =>
  ({ job: { tenant, at }, firstStartAt, charged: { ms: 1 }, end: null }) as unknown as Task;

/** Jobs that all wait from the start, begun one after the other, `everyMs` apart. */
const inRow = (tenant: string, count: number, { from = 0, everyMs = 100 } = {}): Begun[] =>
  Array.from({ length: count }, (_, i) => [tenant, 0, from + i * everyMs]);

const partsOf = (all: Begun[], weights: Record<string, number> = {}) =>
  Object.fromEntries(againstWeights(all.map(begun), (id) => weights[id] ?? 1));

test('two that want everything: what each got of the seconds in which both did', () => {
  const both = [...inRow('a', 100), ...inRow('b', 50, { everyMs: 200 })];
  const { a = 0, b = 0 } = partsOf(both);
  assert.ok(Math.abs(a - 4 / 3) < 0.02 && Math.abs(b - 2 / 3) < 0.02, `${a} ${b}`);
  const { a: twice = 0, b: once = 0 } = partsOf(both, { a: 2 });
  assert.ok(Math.abs(twice - 1) < 0.02 && Math.abs(once - 1) < 0.03, `${twice} ${once}`);
});

test('equal amounts, one after the other: not fair, although each got half of all in the end', () => {
  const { a, b } = partsOf([...inRow('a', 50), ...inRow('b', 50, { from: 5_000 })]);
  assert.ok(a !== undefined && a > 1.9, `${a}`);
  assert.ok(b !== undefined && b < 0.1, `${b}`);
});

test('who is always served at once, and who is alone, has not contended', () => {
  const light: Begun[] = Array.from({ length: 10 }, (_, i) => ['light', i * 1_000, i * 1_000 + 20]);
  assert.deepEqual(partsOf([...inRow('flood', 200), ...light]), {});
  assert.deepEqual(partsOf(inRow('alone', 100)), {});
});

test('a second in which others alone began something says nothing', () => {
  const wait: Begun[] = [
    ['a', 0, 5_000],
    ['b', 0, 5_000],
  ];
  assert.deepEqual(partsOf([...wait, ['c', 1_200, 1_300]]), {});
});

test('what waits for months is looked at where something begins, not second by second', () => {
  const YEAR_MS = 365 * 86_400_000;
  const patient: Begun[] = ['a', 'b'].flatMap((tenant) =>
    [0, 500, YEAR_MS].map((at): Begun => [tenant, 0, at]),
  );
  assert.deepEqual(partsOf([...patient, ['b', 0, 700]]), { a: 0.8, b: 1.2 });
});

test('batches of two tenants of weight 3 and 1 get that while both last', async () => {
  const jobs = ['a', 'b'].flatMap((tenant) => jobsAlike(2_000, { tenant, batch: `of ${tenant}` }));
  const weights: [string, number][] = [
    ['a', 3],
    ['b', 1],
  ];
  const tenants = weights.map(([id, weight]) => ({
    id,
    weight,
    keyHashes: [],
    pools: null,
    limits: {},
  }));
  const about = scenario(exampleFleet({ d: { rpm: 6_000 } }), jobs);
  const { tasks } = await new Engine({ ...about, tenants }).run();
  const parts = againstWeights(tasks, (id) => (id === 'a' ? 3 : 1));
  for (const part of parts.values())
    assert.ok(Math.abs(part - 1) < 0.1, JSON.stringify([...parts]));
  assert.equal(parts.size, 2);
});
