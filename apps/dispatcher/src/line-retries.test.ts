import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attempt } from '@sluice/job';
import type { OutcomeMeta } from '@sluice/ledger';
import { retriesOf } from './line-retries.ts';
import type { FailedLine } from './line-retries.ts';

test('lines that are tried again go by the key that they went by before', () => {
  const attempts = [{ deployment: 'a', outcome: 'network' }] as Attempt[];
  const meta = { place: 1, attempts, outcome: 'network', endedAt: 5 } as unknown as OutcomeMeta;
  const verdict: FailedLine['verdict'] = {
    kind: 'retry',
    where: 'elsewhere',
    notBeforeMs: 10,
    minTier: 1,
    exclude: ['a'],
  };
  const keyOf = (key: number | null) => {
    const origin = {
      batch: 'batch_1',
      tenant: 't',
      pool: 'fast',
      lines: [
        [1, 0, 9, 4, -1],
        [2, 10, 9, 4, -1],
      ] as [number, number, number, number, number][],
      key,
      formats: 1,
      priority: 'low',
      maxTier: null,
      lot: null,
      left: new Set<number>(),
    };
    const facts = { origin, streamId: '1-0', now: 7, expiresAt: 99 };
    const [retry] = retriesOf([{ meta, verdict }], facts);
    return retry?.chunk.key;
  };
  assert.equal(keyOf(77), 77);
  assert.equal(keyOf(null), undefined);
});
