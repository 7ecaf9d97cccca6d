import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commonFigures } from './common-figures.ts';
import type { Answering } from './common-figures.ts';

const CHEAP = { input: 0.15, output: 0.6 };
const DEAR = { input: 1, output: 5 };
const deployment = (id: string, more: Partial<Answering> = {}): Answering => ({
  id,
  model: 'mini',
  price: CHEAP,
  answers: 0,
  charsPerToken: 4,
  cachedShare: 0,
  meanOutput: null,
  ...more,
});

const learnt = (charsPerToken: number) => ({ answers: 10, charsPerToken });

test('each counts by its answers; one without any goes by the others', () => {
  const a = { answers: 30, charsPerToken: 4.05, cachedShare: 0.2, meanOutput: 100 };
  const c = { answers: 10, charsPerToken: 3.82, cachedShare: 0, meanOutput: 60 };
  const common = commonFigures([
    deployment('a', a),
    deployment('b', { charsPerToken: 7, cachedShare: 1 }),
    deployment('c', c),
  ]);
  const { charsPerToken, cachedShare, meanOutput } = common.get('b') ?? assert.fail();
  assert.ok(Math.abs(charsPerToken - 40 / (30 / 4.05 + 10 / 3.82)) < 1e-9);
  assert.ok(Math.abs(cachedShare - 0.15) < 1e-9);
  assert.equal(meanOutput, 90);
  assert.deepEqual(common.get('a'), common.get('c'));
});

test('alike are one model and one price, and who is alike to one of them; nothing else', () => {
  const common = commonFigures([
    deployment('azure', { model: 'my-mini', ...learnt(3) }),
    deployment('surcharge', { price: { input: 0.165, output: 0.66 }, ...learnt(5) }),
    deployment('other', { model: 'haiku', price: DEAR, ...learnt(3.5) }),
    deployment('free', { model: 'llama', price: { input: 0, output: 0 }, ...learnt(2) }),
    deployment('free too', { model: 'gemma', price: { input: 0, output: 0 }, ...learnt(6) }),
    deployment('unpriced', { model: 'haiku', price: null, ...learnt(3.5) }),
    deployment('mini', learnt(4)),
  ]);
  const chars = (id: string) => common.get(id)?.charsPerToken ?? Number.NaN;
  assert.ok(Math.abs(chars('azure') - 3 / (1 / 3 + 1 / 5 + 1 / 4)) < 1e-9);
  assert.equal(chars('azure'), chars('surcharge'));
  assert.equal(chars('mini'), chars('surcharge'));
  assert.deepEqual([chars('free'), chars('free too')], [2, 6]);
  assert.ok(Math.abs(chars('other') - 3.5) < 1e-9 && chars('unpriced') === chars('other'));
});

test('before the first answer everyone’s figures are its own', () => {
  const own = deployment('a', { charsPerToken: 3 });
  assert.equal(commonFigures([own, deployment('b')]).get('a')?.charsPerToken, 3);
});
