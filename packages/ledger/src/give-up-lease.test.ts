/** Leases that are given up, against a real Redis: what another took in between is his. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { giveUpLead, takeLead } from './leading.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { holdRecorder, releaseRecorder } from './recording.ts';

const MS = 60_000;

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

test('a slot that lapsed and was taken while it is given up stays with who took it', async () => {
  assert.equal(await holdRecorder(ledger, 3, { holder: 'one', ms: MS }), true);
  // Together: they come to Redis one behind the other.
  const [, , taken] = await Promise.all([
    releaseRecorder(ledger, 3, 'one'),
    ledger.redis.del(ledger.keys.recorder(3)),
    holdRecorder(ledger, 3, { holder: 'two', ms: MS }),
  ]);
  assert.equal(taken, true);
  assert.equal(await ledger.redis.get(ledger.keys.recorder(3)), 'two');
});

test('so does the lead', async () => {
  const token = await takeLead(ledger, { holder: 'one', ms: MS });
  const [, , next] = await Promise.all([
    giveUpLead(ledger, { holder: 'one', token }),
    ledger.redis.del(ledger.keys.leader),
    takeLead(ledger, { holder: 'two', ms: MS }),
  ]);
  assert.equal(next, token + 1);
  assert.equal(await ledger.redis.get(ledger.keys.leader), `two ${next}`);
});

test('what was given up can be taken at once; said again, it leaves the next lead alone, also one of the same holder', async () => {
  const lead = await takeLead(ledger, { holder: 'three', ms: MS });
  assert.equal(lead, 0, 'another leads');
  const token = await takeLead(ledger, { holder: 'two', ms: MS });
  await giveUpLead(ledger, { holder: 'two', token });
  assert.equal(await ledger.redis.exists(ledger.keys.leader), 0);
  const next = await takeLead(ledger, { holder: 'two', ms: MS });
  await giveUpLead(ledger, { holder: 'two', token });
  assert.equal(await ledger.redis.get(ledger.keys.leader), `two ${next}`);
});
