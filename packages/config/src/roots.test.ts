import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { findRoots } from './roots.ts';

test('budgets joined through any chain of deployments share a root, a shared budget where there is one', () => {
  const roots = findRoots(
    [['a', 'org'], ['b', 'org', 'team'], ['c', 'team'], ['lonely']],
    new Set(['org', 'team']),
  );
  assert.deepEqual(Object.fromEntries(roots), {
    a: 'org',
    org: 'org',
    b: 'org',
    team: 'org',
    c: 'org',
    lonely: 'lonely',
  });
});

test('roots are the connected components, whatever the order, and each root is its own', () => {
  const groups = fc.array(
    fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'), {
      minLength: 1,
      maxLength: 3,
    }),
    { minLength: 1 },
  );
  fc.assert(
    fc.property(groups, (all) => {
      const roots = findRoots(all, new Set(['g', 'h']));
      assert.deepEqual(
        Object.fromEntries(findRoots(all.toReversed(), new Set(['g', 'h']))),
        Object.fromEntries(roots),
      );
      for (const group of all) assert.equal(new Set(group.map((id) => roots.get(id))).size, 1);
      for (const root of roots.values()) assert.equal(roots.get(root), root);
      assert.equal(new Set(roots.values()).size, countComponents(all));
    }),
  );
});

/** By flooding: another way to the same number. */
function countComponents(groups: string[][]): number {
  const left = new Set(groups.flat());
  let count = 0;
  for (const start of left) {
    count++;
    for (const id of reachable(start, groups)) left.delete(id);
  }
  return count;
}

function reachable(start: string, groups: string[][]): Set<string> {
  const reached = new Set([start]);
  for (let before = 0; before < reached.size;) {
    before = reached.size;
    const touched = groups.filter((group) => group.some((id) => reached.has(id)));
    for (const id of touched.flat()) reached.add(id);
  }
  return reached;
}
