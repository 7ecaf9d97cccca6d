import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ceilingOf } from './ceiling.ts';
import { drainingOfLines, fleetOf, problemPortsOf } from './example-fleet.ts';
import { paidAhead, paidLines } from './paid-lines.ts';

const usd = (likely: number) => ({ low: likely / 2, likely, high: likely * 2 });
const CHEAP = { id: 'cheap', mostUsd: 0.1, atOnce: 20, usd: usd(0.05) };
const DEAR = { id: 'dear', mostUsd: 1, atOnce: 20, usd: usd(0.5) };

test('a ceiling that pays only for the cheap ones at full speed is spent there', () => {
  const { low, likely, high } = paidAhead(3, [{ lines: 600, places: [CHEAP, DEAR] }]);
  assert.deepEqual([low, likely, high].map(Math.round), [30, 60, 120]);
});

test('what is above that is spent at all of them', () => {
  // 3 USD are left once the dear one gets none: 2 USD for the cheap one, and 1 for the next line.
  const { likely } = paidAhead(14, [{ lines: 600, places: [CHEAP, DEAR] }]);
  assert.ok(Math.abs(likely - (11 / 0.275 + 3 / 0.05)) < 1e-6, `${likely}`);
});

test('it pays for no more lines than there are, and each class has its part', () => {
  const places = [CHEAP];
  assert.equal(paidAhead(14, [{ lines: 60, places }]).likely, 60);
  const two = paidAhead(5.5, [
    { lines: 100, places },
    { lines: 100, places: [DEAR] },
    { lines: 10, places: [] },
  ]);
  assert.ok(Math.abs(two.likely - 20) < 1e-6, `${two.likely}`);
  assert.equal(paidAhead(1, [{ lines: 7, places: [{ ...CHEAP, usd: usd(0) }] }]).likely, 7);
});

/** A line costs 0.0002 at most at the cheap ones, 0.004 at the dear one. */
const FLEET = fleetOf(`
deployments:
  cheap: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 1, output: 1 } }
  alike: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 1.02, output: 1.02 } }
  dear: { provider: p, model: m, limits: { rpm: 600 }, price: { input: 20, output: 20 } }
pools:
  fast: [cheap, alike, dear]
  turns: { strategy: round_robin, tiers: [[cheap, alike, dear]] }
  best: [dear]
`);

/** Whom a batch of lines in these pools leaves out with so much left. */
function leftOutAt(ceiling: number, ...pools: string[]): readonly string[] | undefined {
  const lines = { shape: '1.1', lines: 400, characters: 400, maxOutput: 100 };
  const stored = { maxCostUsd: ceiling, costUsd: 0, completed: 0, failed: 0, fed: 0 };
  const batch = drainingOfLines(
    pools.map((pool) => ({ ...lines, pool })),
    { ceiling: ceilingOf(stored) },
  );
  return paidLines(problemPortsOf(FLEET, 1_000), batch)?.leftOut;
}

test('deployments that are too dear for what is left are named, those that are equally cheap are not', () => {
  assert.deepEqual(leftOutAt(0.003, 'fast'), ['dear']);
  assert.deepEqual(leftOutAt(0.05, 'fast'), []);
  assert.equal(leftOutAt(5, 'fast'), undefined, 'it pays for all');
});

test('none is named where a strategy of its own says where lines go, or where other lines go there', () => {
  assert.deepEqual(leftOutAt(0.003, 'turns'), []);
  assert.deepEqual(leftOutAt(0.003, 'fast', 'best'), []);
});
