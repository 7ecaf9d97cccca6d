import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoredBatch, Unread } from '@sluice/ledger';
import {
  leftOutBy,
  pausedWords,
  unreadWords,
  whyUnfed,
  whyUnpaid,
  whyUnpaidAgain,
} from './batch-waiting.ts';

const BATCH = {
  maxCostUsd: 0.01,
  costUsd: 0.004,
  completed: 40,
  failed: 0,
  total: 400,
  paidLines: 100,
};

test('what is left of a ceiling is told, and for how many lines that is, where it is not enough', () => {
  const told = whyUnpaid(BATCH) ?? '';
  assert.match(told, /^max_cost_usd: 0\.006000 of 0\.01 USD are left, .* for 60 of its 360 open/);
  // What its lines have cost so far says nothing of those to come, which go elsewhere.
  assert.match(whyUnpaid({ ...BATCH, completed: 1, failed: 2 }) ?? '', /for 97 of its 397 open/);
  assert.match(whyUnpaid({ ...BATCH, costUsd: 0.00999999 }) ?? '', /0\.000000 of 0\.01 USD/);
});

test('nothing is told where it is enough, nobody knows, or there is no ceiling', () => {
  assert.equal(whyUnpaid({ ...BATCH, paidLines: 400 }), null);
  assert.equal(whyUnpaid({ ...BATCH, paidLines: null }), null);
  assert.equal(whyUnpaid({ ...BATCH, maxCostUsd: null }), null);
});

test('where all lines are fed, and some are called again once the ceiling pays for them, that is told', async () => {
  const fed = { id: 'b', status: 'in_progress', paused: false, cursors: [3] };
  const money = { maxCostUsd: 0.01, costUsd: 0.004, unpaidAgain: { lines: 2, usd: 0.03 } };
  const batch = { ...fed, ...money, classes: [{ pool: 'fast', jobs: 3 }] };
  const nobody = portsWhere({});
  const told = await whyUnfed(nobody, batch as unknown as StoredBatch, true);
  assert.match(
    told ?? '',
    /^max_cost_usd: 0\.006000 of 0\.01 USD are left, .*: 2 lines that are to be called again, for at most 0\.030000 USD .* POST \/v1\/batches\/b\/resume with a higher max_cost_usd/,
  );
  const one = { ...money, id: 'b', unpaidAgain: { lines: 1, usd: 3 } };
  assert.match(
    whyUnpaidAgain(one) ?? '',
    /1 line that is to be called again, for at most 3\.00 USD/,
  );
  assert.equal(whyUnpaidAgain({ ...one, unpaidAgain: null }), null);
  assert.equal(whyUnpaidAgain({ ...one, maxCostUsd: null }), null);
});

test('deployments that cheaper ones leave nothing of the ceiling are told of while the batch goes on', () => {
  const batch = { id: 'b', paused: false, maxCostUsd: 0.01, costUsd: 0.004, unpaidAt: ['dear'] };
  const [dear, ...others] = leftOutBy(batch);
  assert.deepEqual([dear?.deployment, others], ['dear', []]);
  assert.match(
    dear?.reason ?? '',
    /^left out by max_cost_usd: 0\.006000 of 0\.01 USD are left, .* POST \/v1\/batches\/b\/resume with a higher max_cost_usd/,
  );
  for (const over of [{ paused: true }, { maxCostUsd: null }, { unpaidAt: [] }])
    assert.deepEqual(leftOutBy({ ...batch, ...over }), []);
});

test('a pause says what a resume does to the ceiling', () => {
  const batch = { id: 'b', pausedReason: null, maxCostUsd: 2, costUsd: 1 };
  assert.match(pausedWords(batch), /b\/resume goes on with it$/);
  assert.match(
    pausedWords({ ...batch, costUsd: 2.5 }),
    /then paused .* spent \(2\.5000 of 2\); .* higher max_cost_usd/,
  );
  assert.match(pausedWords({ ...batch, maxCostUsd: null, costUsd: 9 }), /goes on with it$/);
  assert.match(pausedWords({ ...batch, pausedReason: 'why' }), /^the batch is paused: why$/);
});

test('a paused batch says so also where all its lines are fed', async () => {
  const fed = { id: 'b', status: 'in_progress', pausedReason: null, maxCostUsd: null, costUsd: 0 };
  const classes = [{ pool: 'fast', jobs: 3 }];
  const batch = { ...fed, classes, cursors: [3] } as unknown as StoredBatch;
  const nobody = portsWhere({});
  assert.match((await whyUnfed(nobody, { ...batch, paused: true }, true)) ?? '', /is paused/);
  assert.equal(await whyUnfed(nobody, { ...batch, paused: false }, true), null);
});

/** Where these files of the batch cannot be read now, and these texts stand in Redis. */
const portsWhere = (
  unread: Record<string, string>,
  texts: { step?: string; writing?: string } = {},
): Parameters<typeof whyUnfed>[0] => {
  const get = (key: keyof typeof texts) => Promise.resolve(texts[key] ?? null);
  const redis = { hgetall: () => Promise.resolve(unread), get };
  const keys = { unread: String, stepTrouble: () => 'step', writingTrouble: 'writing' };
  return { clock: { now: () => NOW }, ledger: { redis, keys } } as unknown as Parameters<
    typeof whyUnfed
  >[0];
};

const NOW = Date.now();
const UNREAD: Unread = {
  file: 'files/file-1',
  since: NOW,
  missingSince: NOW,
  againAt: NOW + 60_000,
  error: '',
};

test('a batch whose file is missing says so, whatever it is at', async () => {
  const ports = portsWhere({ a: JSON.stringify(UNREAD) });
  for (const status of ['validating', 'in_progress', 'cancelling']) {
    const money = { maxCostUsd: null, unpaidAgain: null };
    const batch = { id: 'b', status, paused: false, classes: [], cursors: [], ...money };
    const told = await whyUnfed(ports, batch as unknown as StoredBatch, false);
    assert.match(told ?? '', /^files\/file-1 is missing .* gone after \d{4}-/, status);
    const quiet = await whyUnfed(portsWhere({}), batch as unknown as StoredBatch, false);
    assert.equal(quiet, null, status);
  }
});

test('of a store that does not answer, and of results, no end is told', () => {
  assert.match(unreadWords({ ...UNREAD, missingSince: null }), /now; it is tried again$/);
  assert.match(unreadWords({ ...UNREAD, file: 'batches/b/segment-1' }), /until it is there$/);
});

const batchAt = (status: string): StoredBatch => {
  const money = { maxCostUsd: null, unpaidAgain: null };
  const batch = { id: 'b', status, paused: false, classes: [], cursors: [], ...money };
  return batch as unknown as StoredBatch;
};

test('a batch one of whose steps fails says which, since when and why, whatever it is at', async () => {
  const error = 'the file store cannot write now: no answer';
  const trouble = { step: 'finalise', error, since: Date.UTC(2026, 0, 1), againAt: 0 };
  const ports = portsWhere({}, { step: JSON.stringify(trouble) });
  for (const status of ['validating', 'in_progress', 'finalizing', 'cancelling'])
    assert.equal(
      await whyUnfed(ports, batchAt(status), false),
      `writing its files fails since 2026-01-01T00:00:00.000Z, and is tried again: ${error}`,
    );
});

test('where results cannot be written, a batch that has some says why and what helps', async () => {
  const full = portsWhere({}, { writing: 'ENOSPC: no space left on device' });
  const told = await whyUnfed(full, batchAt('in_progress'), true);
  assert.match(
    told ?? '',
    /cannot be written .* ENOSPC: no space left on device; free space there$/,
  );
  assert.equal(await whyUnfed(full, batchAt('validating'), false), null);
  const locked = portsWhere({}, { writing: 'EROFS: read-only file system' });
  assert.match((await whyUnfed(locked, batchAt('finalizing'), true)) ?? '', /; make it writable$/);
  assert.equal(await whyUnfed(portsWhere({}), batchAt('in_progress'), true), null);
});
