import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BatchClass } from '@sluice/ledger';
import { capHints, planHints } from './cap-hints.ts';
import { exampleClass, fleetOf, loadOf } from './example-fleet.ts';
import { LengthsBook } from './lengths-book.ts';
import { Picture } from './picture.ts';

const FLEET = fleetOf(`
deployments:
  mini: { provider: p, model: m, limits: { tpm: 60000 } }
  capped: { provider: p, model: m, output_cap: 200, limits: { tpm: 60000 } }
  set: { provider: p, model: m, params: { max_tokens: 900 }, limits: { tpm: 60000 } }
pools: { fast: [mini, capped, set] }
`);
const IDS = [...FLEET.deployments.keys()];

/** Each has answered so often, with so many tokens. */
function pictureOf(meanOutput: number | null, ok = 100): Picture {
  const picture = new Picture(FLEET);
  const loads = IDS.map((id) => {
    const dims = [{ budget: id, dimension: 'tpm', limit: 60_000, ratePerMs: 1 }];
    return [id, { ...loadOf(dims), ok, meanOutput }] as const;
  });
  picture.update(new Map(loads), 0);
  return picture;
}

const linesOf = (unsetOutput: number): BatchClass =>
  exampleClass({ maxOutput: 300 * (100 - unsetOutput), unsetOutput });

const likely = new LengthsBook(() => 0).likely({
  pool: 'fast',
  tenant: 'a',
  batch: null,
  lineClass: null,
});
const deployments = Object.fromEntries(
  IDS.map((id) => [
    id,
    { cost: { requests: 1, input: 100, output: 1_024, usd: 0 }, latencyMs: 100 },
  ]),
);

const hintsFor = (unsetOutput: number, meanOutput: number | null, ok = 100): string[] =>
  capHints(
    { fleet: FLEET, picture: pictureOf(meanOutput, ok) },
    [{ lines: linesOf(unsetOutput), likely }],
    [{ deployments }],
  );

test('lines without a maximum that are answered shortly: a cap is told, for who has none', () => {
  const [says, ...others] = hintsFor(100, 50);
  assert.deepEqual(others, []);
  assert.match(
    says ?? '',
    /^mini: answers have 50 tokens in the mean.* books 1,024: output_cap: 200 would let 200 calls a minute through instead of 53 /,
  );
  assert.deepEqual(hintsFor(40, 50), [], 'most set one');
  assert.deepEqual(hintsFor(100, 300), [], 'their answers are long');
});

test('before there are enough answers it is told for whoever knows them to be short', () => {
  for (const [mean, answers] of [
    [null, 0],
    [50, 19],
  ] as const) {
    const [says, ...others] = hintsFor(100, mean, answers);
    assert.deepEqual(others, []);
    assert.match(
      says ?? '',
      /^mini: each request that sets no maximum books default_max_tokens, 1,024, .* longer than 260 tokens, .* let 167 calls a minute through instead of 53 /,
    );
    assert.deepEqual(hintsFor(40, mean, answers), [], 'most set one');
  }
});

test('a plan tells it by what it reckons with', () => {
  const problem = {
    classes: [{ id: 'fast 1 0.4', jobs: 60, deployments }],
    deployments: [],
    budgets: [],
  };
  const told = planHints({ fleet: FLEET, picture: pictureOf(50) }, problem);
  assert.deepEqual(Object.keys(told), ['mini']);
});
