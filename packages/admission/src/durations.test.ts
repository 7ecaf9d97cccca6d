import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { durationsOf } from '@sluice/prediction';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { Redis } from 'ioredis';
import { Admission } from './admission.ts';
import type { Settled } from './admission.ts';
import { makeFleet } from './test-fleet.ts';

const MINUTE_MS = 60_000;
/** One of them with the sign that stands between the parts of a field. */
const fleet = makeFleet({
  deployments: {
    a: { limits: {}, org: true },
    b: { limits: {}, org: true },
    'c|d': { limits: {} },
  },
  org: { rpm: 60_000 },
});

let server: TestRedis;
let redis: Redis;
before(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
});

const answered = (tookMs: number): Settled => ({
  lease: 'none',
  expected: { requests: 1, input: 1, output: 1, usd: 0 },
  actual: null,
  outcome: 'ok',
  tookMs,
  heldMs: tookMs,
  characters: 1,
  usage: null,
});

test('durations of answered calls add up over processes and settlements, by deployment', async () => {
  const of = { redis, prefix: 'sums', fleet, micros: () => 1_700_000_000_000_000 };
  const [one, other] = [new Admission(of), new Admission(of)];
  await one.settle('a', [answered(100), answered(104), answered(9_000)]);
  await other.settle('a', [answered(9_001), { ...answered(60_000), outcome: 'timeout' }]);
  await other.settle('b', [answered(1)]);
  await one.settle('c|d', [answered(50)]);
  const found = await one.readDurations();
  assert.deepEqual(
    [...(found.get('a') ?? [])].toSorted(([x], [y]) => x - y),
    [...durationsOf([100, 104, 9_000, 9_001])],
  );
  assert.deepEqual(found.get('b'), durationsOf([1]));
  assert.deepEqual(found.get('c|d'), durationsOf([50]));
  for (const each of [one, other]) each.close();
});

test('what was counted is read for ten to twenty minutes, and lapses', async () => {
  let minutes = 10_000;
  const micros = (): number => minutes * MINUTE_MS * 1_000;
  const admission = new Admission({ redis, prefix: 'windows', fleet, micros });
  await admission.settle('a', [answered(100)]);
  minutes += 10;
  await admission.settle('a', [answered(500)]);
  assert.deepEqual((await admission.readDurations()).get('a'), durationsOf([500, 100]));
  minutes += 9.9;
  assert.deepEqual((await admission.readDurations()).get('a'), durationsOf([500, 100]));
  minutes += 0.1;
  assert.deepEqual((await admission.readDurations()).get('a'), durationsOf([500]));
  minutes += 10;
  assert.equal((await admission.readDurations()).get('a'), undefined);
  const kept = await redis.keys('windows:*durations*');
  const lapses = await Promise.all(kept.map((key) => redis.pttl(key)));
  assert.equal(lapses.length, 2);
  for (const ms of lapses) assert.ok(ms > 20 * MINUTE_MS && ms <= 30 * MINUTE_MS, `${ms}`);
  admission.close();
});

test('calls that failed, and bookings given back, count nothing', async () => {
  const admission = new Admission({ redis, prefix: 'nothing', fleet });
  await admission.settle('a', [{ ...answered(100), outcome: 'overloaded' }]);
  await admission.release('a', ['none']);
  assert.equal((await admission.readDurations()).size, 0);
  assert.deepEqual(await redis.keys('nothing:*durations*'), []);
  await admission.settle('a', [answered(100)]);
  assert.deepEqual(
    (await admission.readDurations()).get('a'),
    durationsOf([100]),
    'by Redis’s clock',
  );
  admission.close();
});
