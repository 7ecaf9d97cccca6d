import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { classAmong, classOf, type RequestShape, type ShapeClass } from './class-of.ts';

const shape = (input: number, output: number, about: Partial<RequestShape> = {}): RequestShape => ({
  pool: 'fast',
  formats: 3,
  input,
  output,
  ...about,
});
const key = (input: number, output: number): string => classOf(shape(input, output)).key;

test('input doubles in two steps from 64 tokens, output quadruples from 16, both ends are open', () => {
  assert.equal(key(0, 0), 'fast 3 0.0');
  assert.equal(key(63, 15), 'fast 3 0.0');
  assert.equal(key(64, 16), 'fast 3 1.1');
  assert.equal(key(127, 63), 'fast 3 2.1');
  assert.equal(key(128, 64), 'fast 3 3.2');
  assert.equal(key(65_536, 4_096), 'fast 3 21.5');
  assert.equal(key(1e9, 1e9), 'fast 3 23.5');
  assert.equal(key(Number.NaN, -1), 'fast 3 0.0');
});

test('pools and formats are kept apart', () => {
  const keys = [shape(1, 1), shape(1, 1, { pool: 'smart' }), shape(1, 1, { formats: 1 })].map(
    (each) => classOf(each).key,
  );
  assert.equal(new Set(keys).size, 3);
});

test('a full batch puts new shapes to the nearest class, an output bucket counting as four', () => {
  const open = new Map<string, ShapeClass>();
  const add = (request: RequestShape, most: number): ShapeClass => {
    const found = classAmong(open, request, most);
    open.set(found.key, found);
    return found;
  };
  add(shape(100, 20), 2);
  add(shape(1_000, 20), 2);
  assert.equal(add(shape(800, 20), 2).key, key(1_000, 20));
  assert.equal(add(shape(600, 1_000), 2).key, key(1_000, 20));
  assert.equal(add(shape(100, 20), 2).key, key(100, 20));
  assert.equal(open.size, 2);
  assert.equal(add(shape(100, 20, { pool: 'new' }), 2).pool, 'new');
  assert.equal(open.size, 3);
});

test('a batch has at most so many classes per pool and formats, and similar shapes fall together', () => {
  const anyShape = fc.record({
    pool: fc.constant('p'),
    formats: fc.constant(1),
    input: fc.integer({ min: 0, max: 200_000 }),
    output: fc.integer({ min: 0, max: 20_000 }),
  });
  fc.assert(
    fc.property(fc.array(anyShape, { minLength: 100, maxLength: 400 }), (requests) => {
      const open = new Map<string, ShapeClass>();
      for (const request of requests) {
        const found = classAmong(open, request, 20);
        open.set(found.key, found);
        assert.equal(classAmong(open, request, 20).key, found.key, 'the same again');
      }
      assert.ok(open.size <= 20);
    }),
  );
});
