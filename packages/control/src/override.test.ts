import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fleet } from '@sluice/job';
import fc from 'fast-check';
import {
  fieldChanges,
  limitNames,
  overriddenFleet,
  readOverrides,
  sharedBudget,
} from './override.ts';
import type { OverridePatch } from './override.ts';

const patched = (patches: readonly OverridePatch[]) => {
  const fields: Record<string, string> = {};
  for (const patch of patches) {
    const { set, clear } = fieldChanges('mini@a', patch);
    Object.assign(fields, set);
    for (const field of clear) delete fields[field];
  }
  return readOverrides(fields).get('mini@a') ?? null;
};

test('a patch sets what it names, leaves the rest, and null clears', () => {
  const set = { weight: 2, state: 'paused', limits: { rpm: 10, tpm: 20 } } as const;
  assert.deepEqual(patched([set]), set);
  assert.deepEqual(patched([set, { limits: { rpm: null } }]), { ...set, limits: { tpm: 20 } });
  assert.deepEqual(patched([set, { limits: null }]), { weight: 2, state: 'paused' });
  assert.deepEqual(patched([set, { state: 'active', weight: 0 }]), {
    weight: 0,
    limits: set.limits,
  });
  assert.equal(patched([set, { weight: null, state: null, limits: null }]), null);
});

const patch: fc.Arbitrary<OverridePatch> = fc.record(
  {
    weight: fc.option(fc.nat()),
    state: fc.option(fc.constantFrom('active', 'draining', 'paused')),
    limits: fc.option(
      fc.dictionary(
        fc.constantFrom(...limitNames),
        fc.option(fc.double({ min: 1, max: 1e6, noNaN: true })),
      ),
    ),
  },
  { requiredKeys: [] },
);

test('the same patch twice is the same as once', () => {
  fc.assert(
    fc.property(fc.array(patch, { maxLength: 4 }), patch, (before, again) => {
      assert.deepEqual(patched([...before, again, again]), patched([...before, again]));
    }),
  );
});

test('limits are overridden on the own budget, one by one', () => {
  const fleet = {
    deployments: new Map([['a', { id: 'a', weight: 1 }]]),
    budgets: new Map([
      ['a', { id: 'a', limits: { rpm: 5, tpm: 7 } }],
      ['org', { id: 'org', limits: { rpm: 9 } }],
    ]),
    pools: new Map(),
  } as unknown as Fleet;
  const limits = { rpm: 1 };
  const next = overriddenFleet(
    fleet,
    new Map([
      ['a', { weight: 3, limits }],
      ['org', { limits }],
      ['gone', { weight: 9 }],
    ]),
  );
  assert.deepEqual(next.budgets.get('a')?.limits, { rpm: 1, tpm: 7 });
  assert.equal(
    next.budgets.get('org'),
    fleet.budgets.get('org'),
    'a shared budget is no deployment',
  );
  const shared = overriddenFleet(fleet, new Map([[sharedBudget('org'), { limits: { tpm: 4 } }]]));
  assert.deepEqual(shared.budgets.get('org')?.limits, { rpm: 9, tpm: 4 });
  assert.equal(shared.budgets.get('a'), fleet.budgets.get('a'));
  assert.equal(next.deployments.get('a')?.weight, 3);
  assert.deepEqual([...next.deployments.keys()], ['a']);
});
