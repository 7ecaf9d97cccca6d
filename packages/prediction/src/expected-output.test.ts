import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import { expectedOutput } from './expected-output.ts';
import { type Lengths, NEW_LENGTHS, afterAnswer } from './lengths.ts';

const OTHERWISE = { mean: 1_024, p50: 1_024, p995: 1_024 };
const known = (tokens: number, answers: number, random = seededRandom(1)): Lengths => {
  let lengths = NEW_LENGTHS;
  for (let i = 0; i < answers; i += 1)
    lengths = afterAnswer(lengths, tokens * (0.9 + 0.2 * random()));
  return lengths;
};

test('nothing known: the default', () => {
  assert.deepEqual(expectedOutput([], OTHERWISE), OTHERWISE);
  assert.deepEqual(expectedOutput([null, undefined, NEW_LENGTHS], OTHERWISE), OTHERWISE);
});

test('a batch is expected like its tenant until it has shown otherwise', (t) => {
  const [pool, tenant] = [known(400, 3_000), known(200, 1_000)];
  const means = [0, 3, 10, 100, 1_000].map(
    (answers) => expectedOutput([pool, tenant, known(20, answers)], OTHERWISE).mean,
  );
  t.diagnostic(
    `mean after 0, 3, 10, 100, 1,000 answers of 20: ${means.map((each) => each.toFixed(0)).join(', ')}`,
  );
  assert.ok(Math.abs((means[0] as number) - 200) < 10);
  assert.ok(Math.abs((means[2] as number) - 110) < 10, 'half of the way after ten');
  assert.ok(Math.abs((means[4] as number) - 20) < 5);
});

test('a far quantile is believed later than the mean', () => {
  const { mean, p995 } = expectedOutput([known(4_000, 10_000), known(20, 100)], OTHERWISE);
  assert.ok(mean < 500, `${mean}`);
  assert.ok(p995 > 2_000, `${p995}`);
});

test('always between the least and the most that any level says', () => {
  const level = fc.option(
    fc
      .tuple(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 50 }))
      .map(([tokens, n]) => known(tokens, n)),
  );
  fc.assert(
    fc.property(fc.array(level, { maxLength: 3 }), (levels) => {
      const { mean } = expectedOutput(levels, OTHERWISE);
      const said = [OTHERWISE.mean, ...levels.flatMap((each) => each?.mean ?? [])];
      assert.ok(mean >= Math.min(...said) - 1e-9 && mean <= Math.max(...said) + 1e-9);
    }),
  );
});
