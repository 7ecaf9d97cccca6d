/** Outcomes on their way into a real Redis: how many bytes go together. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { makeId, slotOf } from '@sluice/job';
import { connectRedis, openLedger } from '@sluice/ledger';
import type { Ledger, OutcomeMeta } from '@sluice/ledger';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { workerEvents } from './events.ts';
import { OutcomeWriter } from './outcome-writer.ts';

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

const MIB = 1024 * 1024;

const META: OutcomeMeta = {
  place: 0,
  line: 0,
  outcome: 'ok',
  statusCode: 200,
  deployment: 'mini',
  usage: null,
  costUsd: null,
  retryAfterMs: null,
  message: null,
  attempts: [],
  tries: 0,
  endedAt: 0,
};

async function scriptCalls(): Promise<number> {
  const stats = await ledger.redis.info('commandstats');
  const counts = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
  return counts.reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** Stores answers of these sizes for one job at the same time; in how many scripts. */
async function store(sizes: number[]): Promise<number> {
  const writer = new OutcomeWriter(ledger, workerEvents(pino({ level: 'silent' })));
  const id = makeId('job', randomBytes(16));
  const callsBefore = await scriptCalls();
  await Promise.all(
    sizes.map((size, epoch) => writer.store({ id, epoch }, { meta: META, raw: 'x'.repeat(size) })),
  );
  const lengths = await ledger.redis.xlen(ledger.keys.outcomes(slotOf(id)));
  assert.equal(lengths, sizes.length);
  await ledger.redis.del(ledger.keys.outcomes(slotOf(id)));
  return (await scriptCalls()) - callsBefore;
}

test('small answers of a slot are stored together, large ones in writes of a few MiB', async () => {
  assert.equal(await store([10, 10, 10]), 1);
  assert.equal(await store([3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB, 3 * MIB]), 3);
  assert.equal(await store([20 * MIB, 20 * MIB, 10]), 3);
});
