import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NOWHERE, emptyHeap, first, inOrder, insert, rearrange, remove } from './heap.ts';
import type { Placed } from './heap.ts';

interface Entry extends Placed {
  key: number;
  id: number;
}
const before = (a: Entry, b: Entry): boolean => a.key < b.key || (a.key === b.key && a.id < b.id);
const sorted = (entries: readonly Entry[]): Entry[] =>
  entries.toSorted((a, b) => a.key - b.key || a.id - b.id);

test('whatever is inserted, removed and changed, the order is that of sorting', () => {
  const steps = fc.array(fc.tuple(fc.nat(3), fc.nat(20), fc.nat(20)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (taken) => {
      const heap = emptyHeap(before);
      const model: Entry[] = [];
      taken.forEach(([kind, pick, key], id) => {
        const chosen = model[pick % Math.max(1, model.length)];
        if (kind < 2 || !chosen) {
          const entry = { key, id, place: NOWHERE };
          model.push(entry);
          insert(heap, entry);
        } else if (kind === 2) {
          model.splice(model.indexOf(chosen), 1);
          remove(heap, chosen);
        } else {
          chosen.key = key;
          rearrange(heap, chosen);
        }
        assert.equal(first(heap), sorted(model)[0]);
      });
      assert.deepEqual([...inOrder(heap)], sorted(model));
    }),
  );
});

test('removing or changing what is not there changes nothing', () => {
  const heap = emptyHeap(before);
  const entry = { key: 1, id: 1, place: NOWHERE };
  insert(heap, entry);
  remove(heap, { key: 1, id: 1, place: 0 });
  rearrange(heap, { key: 0, id: 2, place: NOWHERE });
  assert.deepEqual([...inOrder(heap)], [entry]);
});
