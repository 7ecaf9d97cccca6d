import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { CustomIds, type Place } from './custom-ids.ts';

const place = (line: number): Place => ({ line, offset: line * 2 ** 33, length: line * 7 });

/** Uses it as validation does: `ids` is the file. Returns for each line the line that used its id before, or null. */
function firstUses(ids: readonly string[], table: CustomIds): (number | null)[] {
  return ids.map((id, n) => {
    const suspects = table.add(id, place(n));
    const earlier = suspects.find(({ line }) => ids[line] === id);
    if (earlier !== undefined) return earlier.line;
    if (suspects.length > 0) table.addDifferent(id, place(n));
    return null;
  });
}

const plainly = (ids: readonly string[]): (number | null)[] =>
  ids.map((id, n) => (ids.indexOf(id) < n ? ids.indexOf(id) : null));

test('finds what was used before, also when all hashes are alike', () => {
  const id = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('a', 'b', 'c'));
  const tables = [{}, { hash: () => 5 }, { hash: (text: string) => text.length }];
  fc.assert(
    fc.property(fc.array(id, { maxLength: 60 }), fc.constantFrom(...tables), (ids, options) => {
      assert.deepEqual(firstUses(ids, new CustomIds(options)), plainly(ids));
    }),
  );
});

test('keeps places exactly while it grows', () => {
  const count = 10_000;
  const table = new CustomIds({ expected: 1_500 });
  for (let n = 0; n < count; n += 1) assert.deepEqual(table.add(`request-${n}`, place(n)), []);
  for (let n = 0; n < count; n += 1) {
    assert.deepEqual(table.add(`request-${n}`, place(0)), [place(n)]);
  }
});
