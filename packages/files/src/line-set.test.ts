import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LineSet } from './line-set.ts';

test('behaves as a set of numbers', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(40), fc.nat(3_000_000)), { maxLength: 50 }), (lines) => {
      const bitmap = new LineSet();
      const set = new Set<number>();
      for (const line of lines) {
        assert.equal(bitmap.add(line), !set.has(line));
        set.add(line);
        assert.equal(bitmap.count, set.size);
      }
      for (const line of [...lines, ...lines.map((n) => n + 1)]) {
        assert.equal(bitmap.has(line), set.has(line));
      }
    }),
  );
});
