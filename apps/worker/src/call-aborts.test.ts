import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectRedis, makeKeys } from '@sluice/ledger';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { CallAborts } from './call-aborts.ts';

let redis: TestRedis;
let aborts: CallAborts;
before(async () => {
  redis = await startRedis();
  aborts = new CallAborts(connectRedis(redis.url, 'subscriber'), makeKeys('test'));
});
after(async () => {
  aborts.close();
  await redis.stop();
});

test('the calls of an entry are aborted, and no others', () => {
  const [one, other] = [aborts.signalFor('one'), aborts.signalFor('other')];
  aborts.abort('one');
  assert.deepEqual([one.signal.aborted, other.signal.aborted], [true, false]);
});

test('a second delivery that came and went leaves the first its signal', () => {
  const first = aborts.signalFor('twice');
  aborts.signalFor('twice').done();
  aborts.abort('twice');
  assert.equal(first.signal.aborted, true);
});

test('both of two deliveries are aborted', () => {
  const both = [aborts.signalFor('both'), aborts.signalFor('both')];
  aborts.abort('both');
  assert.deepEqual(
    both.map(({ signal }) => signal.aborted),
    [true, true],
  );
});
