import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Candidate, Cost } from './candidate.ts';
import { anyAsked, anyCandidates, candidate, perMinute } from './example-candidates.ts';
import { shares } from './shares.ts';

const cost: Cost = { requests: 1, input: 800, output: 200 };
const of = (candidates: Candidate[]): Record<string, number> =>
  Object.fromEntries(
    [...shares(candidates, cost)].map(([id, share]) => [id, Number(share.toFixed(6))]),
  );

const rpm = (id: string, limit: number, more: Partial<Candidate> = {}): Candidate =>
  candidate(id, { rates: [perMinute('rpm', limit, { budget: id })], ...more });

test('follow what each can carry of this shape', () => {
  assert.deepEqual(of([rpm('a', 900), rpm('b', 600)]), { a: 0.6, b: 0.4 });
  const tokens = candidate('b', {
    rates: [perMinute('rpm', 9_000, { budget: 'b' }), perMinute('tpm', 300_000, { budget: 'b' })],
  });
  assert.deepEqual(of([rpm('a', 900), tokens]), { a: 0.75, b: 0.25 });
  assert.deepEqual(of([rpm('a', 600), candidate('b', { concurrency: 30, predictedMs: 1_000 })]), {
    a: 0.25,
    b: 0.75,
  });
});

test('are 0 for who is not usable, and for the tiers behind', () => {
  assert.deepEqual(
    of([
      rpm('broken', 900, { state: 'broken' }),
      rpm('none', 900, { weight: 0 }),
      rpm('a', 900),
      rpm('later', 900, { tier: 2 }),
    ]),
    { broken: 0, none: 0, a: 1, later: 0 },
  );
  assert.deepEqual(of([rpm('a', 900, { state: 'blocked' })]), { a: 0 });
  assert.deepEqual(of([rpm('a', 0)]), { a: 0 });
});

test('count a shared budget once', () => {
  const org = perMinute('rpm', 600, { budget: 'org' });
  const [x, y] = ['x', 'y'].map((id) => candidate(id, { rates: [org] })) as [Candidate, Candidate];
  assert.deepEqual(of([rpm('a', 600), x, y]), { a: 0.5, x: 0.25, y: 0.25 });
  // Alone x could do 600 and y, by its own limit, 100: the budget is divided in that proportion.
  const held = { ...y, rates: [org, perMinute('rpm', 100, { budget: 'y' })] };
  assert.deepEqual(of([x, held]), { x: 0.857143, y: 0.142857 });
});

test('leave to others what a member of a shared budget cannot take of it', () => {
  const [left, right] = ['left', 'right'].map((budget) => perMinute('rpm', 600, { budget }));
  const both = candidate('both', { rates: [left!, right!] });
  const [x, y, z] = [[left!], [right!], [right!]].map((rates, i) => candidate(`${i}`, { rates }));
  // `right` holds three to 200 each; of `left` that leaves 400 for the one that draws on it alone.
  assert.deepEqual(of([both, x!, y!, z!]), { both: 0.2, 0: 0.4, 1: 0.2, 2: 0.2 });
});

test('give all to those without limits, by weight', () => {
  const free = [candidate('f', { weight: 3 }), candidate('g')];
  assert.deepEqual(of([rpm('a', 900), ...free]), { a: 0, f: 0.75, g: 0.25 });
});

test('add up to 1, or are all 0', () => {
  fc.assert(
    fc.property(anyCandidates, anyAsked, (candidates, request) => {
      const got = [...shares(candidates, request.cost).values()];
      const total = got.reduce((sum, share) => sum + share, 0);
      assert.equal(got.length, candidates.length);
      assert.ok(got.every((share) => share >= 0 && share <= 1 + 1e-12));
      assert.ok(total === 0 || Math.abs(total - 1) < 1e-9, `${total}`);
    }),
  );
});
