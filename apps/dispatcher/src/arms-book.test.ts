import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { OUTCOMES } from '@sluice/job';
import type { Fleet, Outcome, Pool } from '@sluice/job';
import { AS_WANTED, connectRedis, openLedger, readArms } from '@sluice/ledger';
import type { Ledger, OutcomeMeta } from '@sluice/ledger';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { ArmsBook } from './arms-book.ts';

let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

const ended = (outcome: Outcome): OutcomeMeta => ({
  place: 0,
  line: 0,
  outcome,
  statusCode: null,
  deployment: 'mini',
  usage: null,
  costUsd: null,
  retryAfterMs: null,
  message: null,
  attempts: [],
  tries: 0,
  endedAt: 0,
  arm: { pool: 'ab', wanted: AS_WANTED, tookMs: 30 },
});

const failed = (error: unknown): never => assert.fail(String(error));

test('what was refused for the key or its limits, or cancelled, is counted aside', async () => {
  const pool = { id: 'ab', strategy: { name: 'split', arms: { mini: 100 } } } as unknown as Pool;
  const fleet = { pools: new Map([['ab', pool]]) } as unknown as Fleet;
  const book = new ArmsBook({ ledger, fleet, now: () => 1_000, onError: failed });
  book.count(OUTCOMES.map(ended));
  await book.write();
  const { figures } = (await readArms(ledger, pool))?.cells[0] ?? assert.fail();
  // rate_limited, quota_exhausted, credential and lost.
  const { calls, succeeded, aside } = figures;
  assert.deepEqual({ calls, succeeded, aside }, { calls: OUTCOMES.length, succeeded: 1, aside: 4 });
});
