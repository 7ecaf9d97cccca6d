/** What waits to be placed, by share, against a real Redis: in it from acceptance until it is placed or ends. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { countBacklogByPool, readBacklog, readShares, removeBacklog, shareKey } from './backlog.ts';
import { connectRedis } from './connect.ts';
import { acceptJob, endJob } from './jobs.ts';
import { SLOT_NUMBERS } from './keys.ts';
import type { NewJob } from './jobs.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { placeEntry, readOverdue } from './placing.ts';

const NOW = 1_795_000_000_000;
let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
});
beforeEach(() => ledger.redis.flushall());
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

async function accept(over: Partial<NewJob> = {}) {
  const job: NewJob = {
    id: makeId('job', randomBytes(16)),
    tenant: 'a',
    pool: 'fast',
    model: 'fast',
    endpoint: '/v1/chat/completions',
    priority: 'normal',
    createdAt: NOW,
    deadlineAt: NOW + 60_000,
    body: '{}',
    shape: { characters: 40, maxOutput: null, inputs: 1 },
    formats: 3,
    maxTier: null,
    affinityKey: null,
    webhookUrl: null,
    metadata: {},
    retryOf: null,
    ...over,
  };
  const options = { checkAt: NOW + 15_000, idempotency: null, window: 2 };
  const accepted = await acceptJob(ledger, job, options);
  return { ...job, waiting: accepted.waiting ?? 0 };
}

const shareOf = (job: Pick<NewJob, 'priority' | 'tenant' | 'pool'>): string => shareKey(job);
const idsOf = async (share: string, perSlot = 100) => [
  ...(await readBacklog(ledger, share, perSlot)).values(),
];

test('shares are found apart, each with its earliest deadlines first', async () => {
  const late = await accept({ deadlineAt: NOW + 90_000 });
  const soon = await accept({ deadlineAt: NOW + 30_000 });
  const others = [
    await accept({ tenant: 'ab' }),
    await accept({ priority: 'low' }),
    await accept({ pool: 'smart' }),
    await accept({ priority: 'interactive', tenant: 'b' }),
  ];
  const { keys, after: end } = await readShares(ledger, [], 10);
  assert.deepEqual(keys, new Set([late, ...others].map(shareOf)));
  assert.ok(end.every((each) => each === ''));
  assert.deepEqual(await idsOf(shareOf(late)), [soon.id, late.id]);
  for (const one of others) assert.deepEqual(await idsOf(shareOf(one)), [one.id]);
});

test('many shares are found in parts', async () => {
  const jobs = await Promise.all(
    Array.from({ length: 100 }, (_, i) => accept({ tenant: `tenant-${i}` })),
  );
  const found = new Set<string>();
  let end: readonly string[] = [];
  do {
    const part = await readShares(ledger, end, 2);
    for (const key of part.keys) found.add(key);
    end = part.after;
  } while (end.some((each) => each !== ''));
  assert.deepEqual(found, new Set(jobs.map(shareOf)));
});

test('beyond the window a job is not looked after before its deadline', async () => {
  const jobs = await Promise.all(Array.from({ length: 200 }, () => accept()));
  const within = jobs.filter(({ waiting }) => waiting <= 2);
  assert.ok(within.length <= 32 && within.length >= 16, `${within.length} within`);
  const overdue = await readOverdue(ledger, NOW + 59_999, 100);
  assert.deepEqual(new Set(overdue), new Set(within.map(({ id }) => id)));
  assert.equal((await readOverdue(ledger, NOW + 60_000, 100)).length, 200);
  assert.equal((await idsOf(shareOf(jobs[0] as NewJob))).length, 200);
  assert.ok((await idsOf(shareOf(jobs[0] as NewJob), 3)).length <= 48);
});

test('it leaves when it is placed, when it ends, and when nobody knows it', async () => {
  const [placed, ended, unknown] = [await accept(), await accept(), await accept()];
  const move = { deployment: 'mini', tier: 1, checkAt: NOW, leaderToken: 1, now: NOW };
  await placeEntry(ledger, { id: placed.id, epoch: 0, ...move });
  const end = { status: 'cancelled', now: NOW, message: '', eventId: 'e', keepSeconds: 9 } as const;
  await endJob(ledger, ended.id, end);
  const share = shareOf(placed);
  assert.deepEqual(await idsOf(share), [unknown.id]);
  for (const [member, id] of await readBacklog(ledger, share, 9))
    await removeBacklog(ledger, member, id);
  assert.deepEqual((await readShares(ledger, [], 9)).keys, new Set());
});

test('what waits is counted by pool, whatever happens to a job and however often', async () => {
  const pools = ['fast', 'smart', 'deployment/mini'];
  const jobs = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      accept({ pool: pools[i % 3] as string, tenant: `t${i % 7}` }),
    ),
  );
  const [again] = jobs;
  await acceptJob(ledger, again as NewJob, { checkAt: NOW, idempotency: null });
  assert.deepEqual(await countBacklogByPool(ledger), new Map(pools.map((pool) => [pool, 20])));
  const move = { deployment: 'mini', tier: 1, checkAt: NOW, leaderToken: 1, now: NOW };
  const end = { status: 'cancelled', now: NOW, message: '', eventId: 'e', keepSeconds: 9 } as const;
  for (const { id } of jobs.slice(0, 30)) {
    await placeEntry(ledger, { id, epoch: 0, ...move });
    await placeEntry(ledger, { id, epoch: 1, ...move });
    await endJob(ledger, id, end);
  }
  for (const { id } of jobs.slice(30, 45)) await endJob(ledger, id, end);
  assert.deepEqual(await countBacklogByPool(ledger), new Map(pools.map((pool) => [pool, 5])));
  for (const job of jobs)
    for (const [member, id] of await readBacklog(ledger, shareOf(job), 9))
      await removeBacklog(ledger, member, id);
  assert.deepEqual(await countBacklogByPool(ledger), new Map());
});

test('counts that are not true, of a process that does not count, are nothing once nothing waits', async () => {
  const first = await accept();
  const jobs = [first, await accept(), await accept({ pool: 'smart' })];
  const counts = SLOT_NUMBERS.map((slot) => ledger.keys.backlogPools(slot));
  await Promise.all(counts.map((key) => ledger.redis.del(key)));
  await ledger.redis.hset(ledger.keys.backlogPools(slotOf(first.id)), { fast: 9, gone: 1 });
  const end = { status: 'cancelled', now: NOW, message: '', eventId: 'e', keepSeconds: 9 } as const;
  for (const { id } of jobs) await endJob(ledger, id, end);
  assert.deepEqual(await countBacklogByPool(ledger), new Map());
});
