import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { fluidFinish } from './fluid-finish.ts';
import type { FluidBatch } from './fluid-finish.ts';

const batch = (id: string, aloneMs: number, over: Partial<FluidBatch> = {}): FluidBatch => ({
  id,
  tenant: id,
  weight: 1,
  band: 3,
  deadlineAt: 1_000,
  createdAt: 0,
  aloneMs,
  ...over,
});
const finish = (all: FluidBatch[], speed = 1): Record<string, number> =>
  Object.fromEntries([...fluidFinish(all, speed)].map(([id, ms]) => [id, Math.round(ms)]));

test('two tenants share until the smaller is done', () => {
  assert.deepEqual(finish([batch('a', 10), batch('b', 90)]), { a: 20, b: 100 });
});

test('by weight', () => {
  assert.deepEqual(finish([batch('a', 30, { weight: 3 }), batch('b', 90)]), { a: 40, b: 120 });
});

test('a tenant of weight 0 has what others leave, and everything to itself when they are done', () => {
  const none = { weight: 0 };
  assert.deepEqual(finish([batch('a', 50), batch('b', 90, none)]), { a: 50, b: 140 });
  assert.deepEqual(finish([batch('a', 50, none), batch('b', 90, none)]), { a: 100, b: 140 });
});

test('batches of one tenant go one after the other, the earliest deadline first', () => {
  const t = { tenant: 't' };
  const all = [batch('late', 10, t), batch('soon', 30, { ...t, deadlineAt: 500 })];
  assert.deepEqual(finish(all), { soon: 30, late: 40 });
});

test('a lower band gets what is left', () => {
  assert.deepEqual(finish([batch('low', 10), batch('normal', 50, { band: 2 })]), {
    normal: 50,
    low: 60,
  });
});

test('what uses other limits goes beside it, and nothing faster than alone', () => {
  assert.deepEqual(finish([batch('a', 10), batch('b', 100)], 1.5), { a: 13, b: 103 });
  assert.deepEqual(finish([batch('a', 10), batch('b', 100)], 5), { a: 10, b: 100 });
});

test('nothing moves at speed 0', () => {
  assert.deepEqual(finish([batch('a', 10)], 0), {});
});

test('all is done when all the work is, none before its own alone', () => {
  const any = fc.record({
    tenant: fc.constantFrom('x', 'y', 'z'),
    band: fc.constantFrom(2, 3),
    aloneMs: fc.integer({ min: 0, max: 1_000 }),
  });
  fc.assert(
    fc.property(
      fc.array(any, { maxLength: 12 }),
      fc.double({ min: 1, max: 4, noNaN: true }),
      (rows, speed) => {
        const weights = { x: 0, y: 2, z: 5 } as const;
        const all = rows.map((row, i) =>
          batch(String(i), row.aloneMs, { ...row, weight: weights[row.tenant as 'x'] }),
        );
        const ends = fluidFinish(all, speed);
        assert.equal(ends.size, all.length);
        const work = all.reduce((sum, { aloneMs }) => sum + aloneMs, 0);
        const longest = Math.max(0, ...ends.values());
        assert.ok(longest >= work / speed - 0.01 && longest <= work + 0.01);
        for (const { id, aloneMs } of all) assert.ok((ends.get(id) ?? 0) >= aloneMs - 0.01);
      },
    ),
  );
});

test('thousands of batches of one tenant are estimated in some ms: the leader does so every second', () => {
  const all = Array.from({ length: 4_000 }, (_, i) =>
    batch(String(i), 10, { tenant: String(i % 2), deadlineAt: i }),
  );
  const began = performance.now();
  const ends = fluidFinish(all, 1);
  const tookMs = performance.now() - began;
  assert.equal(Math.round(ends.get('3999') ?? 0), 40_000);
  assert.ok(tookMs < 1_000, `${Math.round(tookMs)} ms`);
});

/** Where tenant `a` has limits that let through a tenth of what it could do alone. */
const paced = (all: FluidBatch[]): Record<string, number> =>
  Object.fromEntries(
    [...fluidFinish(all, 1, new Map([['a', 0.1]]))].map(([id, ms]) => [id, Math.round(ms)]),
  );

test('a tenant at its own limits leaves the others what it cannot use, over all its bands', () => {
  assert.deepEqual(paced([batch('a', 30), batch('b', 90)]), { b: 100, a: 300 });
  const high = batch('a2', 10, { tenant: 'a', band: 2 });
  assert.deepEqual(paced([batch('a', 10), high, batch('b', 90)]), { a2: 100, b: 100, a: 200 });
});
