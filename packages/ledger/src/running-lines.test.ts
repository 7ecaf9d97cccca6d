/** What of a batch is being called, through its script, against a real Redis. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { makeId } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { runningLines } from './running-lines.ts';

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

interface Chunk {
  /** null = it is gone. */
  status: string | null;
  left: number;
}

async function stored(chunks: readonly Chunk[]): Promise<string[]> {
  const batch = makeId('batch', randomBytes(16));
  const ids = chunks.map((_, i) => `${batch}~r1-0.${i}`);
  const write = ledger.redis.pipeline();
  for (const [i, { status, left }] of chunks.entries())
    if (status !== null) write.hset(ledger.keys.chunk(ids[i] as string), { status, left });
  await write.exec();
  return ids;
}

const anyChunk = fc.record({
  status: fc.constantFrom('queued', 'running', null),
  left: fc.integer({ min: 0, max: 32 }),
});

test('of the chunks that are being called all lines that are left count', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyChunk, { maxLength: 40 }), async (chunks) => {
      const running = chunks.filter(({ status }) => status === 'running');
      const lines = running.reduce((sum, { left }) => sum + left, 0);
      assert.equal(await runningLines(ledger, await stored(chunks)), lines);
    }),
    { numRuns: 50 },
  );
});

test('of more chunks than one command asks for, too', async () => {
  const many = Array.from({ length: 2_500 }, () => ({ status: 'running', left: 2 }));
  assert.equal(await runningLines(ledger, await stored(many)), 5_000);
});
