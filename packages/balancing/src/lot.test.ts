import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { lotOf, lotOfLine } from './lot.ts';

const anyOwner = fc.string();
const lots = (owner: string, lines: number): number[] =>
  Array.from({ length: lines }, (_, place) => lotOfLine(owner, place));
const below = (drawn: readonly number[], part: number): number =>
  drawn.filter((lot) => lot < part).length;

test('lots are from 0 to below 1, and the same whenever they are asked for', () => {
  fc.assert(
    fc.property(anyOwner, fc.nat(10_000_000), (owner, place) => {
      for (const lot of [lotOf(owner), lotOfLine(owner, place)]) assert.ok(lot >= 0 && lot < 1);
      assert.equal(lotOfLine(owner, place), lotOfLine(owner, place));
      assert.equal(lotOf(owner), lotOf(owner));
    }),
  );
});

test('of each twenty lines in a row, and of each four, every part gets its number, to within one', () => {
  fc.assert(
    fc.property(anyOwner, fc.integer({ min: 1, max: 99 }), (owner, percent) => {
      const drawn = lots(owner, 100);
      for (const size of [4, 20])
        for (let from = 0; from < 100; from += size) {
          const got = below(drawn.slice(from, from + size), percent / 100);
          assert.ok(Math.abs(got - (size * percent) / 100) < 1, `${got} of ${size}, ${percent} %`);
        }
    }),
  );
});

test('no twentieth of the lots is likelier at one place of a block than at another', () => {
  const places = 20;
  const blocks = 4_000;
  const drawn = lots('batch_x 0', places * blocks);
  for (let place = 0; place < places; place += 1) {
    const counts = Array.from({ length: 20 }, () => 0);
    for (let at = place; at < drawn.length; at += places)
      counts[Math.floor((drawn[at] as number) * 20)]! += 1;
    // 4 × √(4,000 × 0.05 × 0.95) = 55, of 400 counts: one in 16,000 is further off by chance.
    for (const got of counts) assert.ok(Math.abs(got - blocks / 20) <= 55, `${got} at ${place}`);
  }
});

test('the order is one of chance: a file that repeats every few lines does not favour an arm', () => {
  for (const period of [2, 3, 4, 5, 8, 10, 20]) {
    const drawn = lots('batch_x 0', 4_000 * period).filter((_, place) => place % period === 0);
    // 4 × √(4,000 × ¼) = 127.
    const got = below(drawn, 0.5);
    assert.ok(Math.abs(got - 2_000) <= 127, `${got} of 4,000 of every ${period}th`);
  }
});

test('jobs, and batches, draw without regard to each other', () => {
  const jobs = Array.from({ length: 10_000 }, (_, i) => lotOf(`job_${i}`));
  const firsts = Array.from({ length: 10_000 }, (_, i) => lotOfLine(`batch_${i} 0`, 7));
  // 4 × √(10,000 × 0.1 × 0.9) = 120.
  for (const drawn of [jobs, firsts]) {
    const got = below(drawn, 0.1);
    assert.ok(Math.abs(got - 1_000) <= 120, `${got}`);
  }
});
