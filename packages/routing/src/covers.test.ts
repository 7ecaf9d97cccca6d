import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Conditions } from './conditions.ts';
import { covers } from './covers.ts';
import { meets } from './route.ts';
import type { RequestFacts } from './route.ts';

const KNOWN = ['fast', 'mini', 'smart'];
const POOL: Record<string, string> = { fast: 'fast', mini: 'fast', smart: 'smart' };

const some = <T>(...values: T[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 });
const bound = fc.option(fc.nat(4), { nil: undefined });
const range = fc.tuple(bound, bound).map(([min, max]) => ({
  ...(min === undefined ? {} : { min }),
  ...(max === undefined ? {} : { max }),
}));
const names = some('fast', 'mini', 'smart', 'm*', '*', 'new', 'n*');
const window = fc.record({
  from: fc.constantFrom(0, 600, 1_200),
  to: fc.constantFrom(300, 600, 1_380),
  days: some('mon', 'tue', 'wed'),
  zone: fc.constantFrom('UTC', 'Europe/Zurich'),
});

/** Three conditions at most, so that one often covers the other. */
const conditions: fc.Arbitrary<Conditions> = fc
  .subarray(
    [
      fc.record({ endpoint: some('/v1/embeddings' as const, '/v1/responses' as const) }),
      fc.record({ model: names }),
      fc.record({ tenant: some('a', 'b') }),
      fc.record({ priority: some('low' as const, 'normal' as const) }),
      fc.record({ inputTokens: range }),
      fc.record({ outputTokens: range }),
      fc.record({ tools: fc.boolean() }),
      fc.record({ images: fc.boolean() }),
      fc.record({ jsonSchema: fc.boolean() }),
      fc.record({ metadata: fc.dictionary(fc.constantFrom('k', 'l'), some('x', 'y*', '*')) }),
      fc.record({ tags: some('k', 'l') }),
      fc.record({ time: window }),
    ] as fc.Arbitrary<Conditions>[],
    { maxLength: 3 },
  )
  .chain((parts) => fc.tuple(...parts))
  .map((parts): Conditions => Object.assign({}, ...parts));

/** Half of the pairs are one and the same with something added. */
const pairs = fc.oneof(
  fc.tuple(conditions, conditions),
  fc.tuple(conditions, conditions).map(([one, more]) => [one, { ...more, ...one }] as const),
);

const requests: fc.Arbitrary<RequestFacts> = fc
  .record({
    endpoint: fc.constantFrom('/v1/embeddings' as const, '/v1/responses' as const),
    model: fc.constantFrom('fast', 'mini', 'smart', 'new', 'nothing'),
    tenant: fc.constantFrom('a', 'b'),
    priority: fc.constantFrom('low' as const, 'normal' as const),
    shape: fc.record({
      characters: fc.nat(20),
      maxOutput: fc.option(fc.nat(5)),
      inputs: fc.constant(1),
    }),
    body: fc.constantFrom({}, { tools: [1] }, { input: [{ type: 'input_image' }] }),
    metadata: fc.dictionary(fc.constantFrom('k', 'l'), fc.constantFrom('x', 'y', 'z')),
  })
  .map((facts) => ({ ...facts, pool: POOL[facts.model] ?? null, key: '' }));

test('where one covers the other, no request meets the other alone', () => {
  let covered = 0;
  const time = fc.nat(6 * 24 * 60).map((minute) => Date.UTC(2026, 0, 5) + 60_000 * minute);
  fc.assert(
    fc.property(
      pairs,
      fc.array(fc.tuple(requests, time), { minLength: 20, maxLength: 20 }),
      ([earlier, later], asked) => {
        if (!covers(earlier, later, KNOWN)) return;
        covered += 1;
        for (const [request, now] of asked)
          if (meets(request, later, now)) assert.ok(meets(request, earlier, now));
      },
    ),
    { numRuns: 5_000 },
  );
  assert.ok(covered > 100, `${covered} pairs covered`);
});

const PAIRS: [earlier: Conditions, later: Conditions, covered: boolean][] = [
  [{}, {}, true],
  [{}, { tenant: ['a'] }, true],
  [{}, { model: ['fast'] }, true],
  [{}, { model: ['new'] }, false],
  [{ model: ['*'] }, {}, true],
  [{ model: ['fast', 'mini'] }, {}, false],
  [{ tenant: ['a', 'b'] }, { tenant: ['b'], tools: true }, true],
  [{ tenant: ['b'], tools: true }, { tenant: ['b'] }, false],
  [{ inputTokens: { min: 10 } }, { inputTokens: { min: 20, max: 30 } }, true],
  [{ inputTokens: { min: 10, max: 25 } }, { inputTokens: { min: 20 } }, false],
  [{ tags: ['k'] }, { metadata: { k: ['x'] } }, true],
  [{ metadata: { k: ['*'] } }, { tags: ['k'] }, false],
];

for (const [earlier, later, covered] of PAIRS)
  test(`${JSON.stringify(earlier)} ${covered ? 'covers' : 'does not cover'} ${JSON.stringify(later)}`, () =>
    assert.equal(covers(earlier, later, KNOWN), covered));
