/** What becomes of a delivered entry, against a real Redis: what was lost, is late or cannot be read is never called. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '@sluice/config';
import { localStore } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { makeId } from '@sluice/job';
import type { Deployment } from '@sluice/job';
import {
  acceptJob,
  claimEntry,
  connectRedis,
  openLedger,
  placeEntry,
  readWaiting,
} from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { workerEvents } from './events.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { CallLoader } from './load-calls.ts';
import type { Call } from './load-calls.ts';
import type { CallResult } from './make-call.ts';
import { runEntry } from './run-entry.ts';

const CONFIG = `
providers: { p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: k } }
deployments: { mini: { provider: p, model: m } }
pools: { fast: [mini] }
`;

let redis: TestRedis;
let ledger: Ledger;
let folder: string;
let store: FileStore;
let deployment: Deployment;

before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  folder = await mkdtemp(join(tmpdir(), 'sluice-worker-'));
  store = localStore(folder);
  const loaded = loadConfig({ source: { text: CONFIG }, env: {} });
  assert.ok(loaded.kind === 'ok');
  deployment = loaded.fleet.deployments.get('mini') as Deployment;
});
after(async () => {
  await store.close();
  await rm(folder, { recursive: true });
  ledger.redis.disconnect();
  await redis.stop();
});

const NOW = 1_000_000;

/** Runs an entry as a worker called `holder` would; what it called and what it stored without calling. */
async function run(
  id: string,
  epoch: number,
  { now = NOW, holder = 'w2', steals = false, turnsAway = false, usedUp = false } = {},
) {
  const called: Call[] = [];
  const stored: { call: Call; result: CallResult }[] = [];
  let dropped = 0;
  let lost = 0;
  const events = workerEvents(pino({ level: 'silent' }));
  const leases = new LeaseKeeper({
    ledger,
    holder,
    leaseMs: 60_000,
    now: () => now,
    onLost: () => undefined,
    onEnded: () => undefined,
  });
  const end = await runEntry(
    {
      ledger,
      deployment,
      leaseMs: 1_000,
      loader: new CallLoader(ledger, store),
      leases,
      events,
      now: () => now,
      perform: async (data, call, { lease }) => {
        if (steals) {
          const stolen = { ...data, holder: 'w3', now: now + 1_001, leaseMs: 1_000 };
          assert.equal((await claimEntry(ledger, stolen)).kind, 'claimed');
          // As its keeper finds out at the next renewal.
          lease.lost = true;
        }
        if (steals || turnsAway) return 'turned_away';
        if (usedUp) return 'used_up';
        called.push(call);
        return 'stored';
      },
      store: (_data, call, result) => {
        stored.push({ call, result });
        return Promise.resolve();
      },
      dropped: (jobs) => void (dropped += jobs),
      lost: (calls) => void (lost += calls),
      signalFor: () => ({ signal: new AbortController().signal, done: () => undefined }),
    },
    { id, epoch },
  );
  leases.close();
  return { end, called, stored, dropped, lost };
}

async function placedJob(): Promise<string> {
  const id = makeId('job', randomBytes(16));
  await acceptJob(
    ledger,
    {
      id,
      tenant: 'default',
      pool: 'fast',
      model: 'fast',
      endpoint: '/v1/chat/completions',
      priority: 'normal',
      createdAt: NOW,
      deadlineAt: NOW + 60_000,
      body: '{"messages":[]}',
      shape: { characters: 40, maxOutput: null, inputs: 1 },
      formats: 3,
      maxTier: null,
      affinityKey: null,
      webhookUrl: null,
      metadata: {},
      retryOf: null,
    },
    { checkAt: NOW, idempotency: null },
  );
  await place(id, 0);
  return id;
}

const place = (id: string, epoch: number, now = NOW) =>
  placeEntry(ledger, {
    id,
    epoch,
    deployment: 'mini',
    tier: 1,
    arm: '',
    checkAt: now,
    leaderToken: 1,
    now,
  });

test('a job is called, with its deadline', async () => {
  const { end, called } = await run(await placedJob(), 1);
  assert.equal(end, 'done');
  assert.deepEqual(
    called.map(({ deadlineAt }) => deadlineAt),
    [NOW + 60_000],
  );
});

test('a job past its deadline is dropped without a call', async () => {
  const id = await placedJob();
  const { end, called } = await run(id, 1, { now: NOW + 60_000 });
  assert.equal(end, 'dropped');
  assert.deepEqual(called, []);
});

test('a job whose worker died is not called again before its lost attempt is recorded', async () => {
  const id = await placedJob();
  await claimEntry(ledger, { id, epoch: 1, holder: 'dead', now: NOW, leaseMs: 1_000 });
  const { end, called, stored, lost } = await run(id, 1, { now: NOW + 1_001 });
  assert.deepEqual([end, lost], ['done', 1]);
  assert.deepEqual(called, []);
  assert.deepEqual(
    stored.map(({ result }) => result.outcome),
    ['lost'],
  );
});

test('a worker that fails before it stores anything has lost the attempt, also for itself', async () => {
  const id = await placedJob();
  await claimEntry(ledger, { id, epoch: 1, holder: 'w2', now: NOW, leaseMs: 1_000 });
  await place(id, 1, NOW + 2_000);
  const { called, stored } = await run(id, 2, { now: NOW + 2_000, holder: 'w2' });
  assert.deepEqual(called, []);
  assert.equal(stored.length, 1);
});

test('what is turned away is handed back, unless another delivery has the entry', async () => {
  const first = await placedJob();
  const back = await run(first, 1, { turnsAway: true });
  assert.deepEqual([back.end, back.dropped], ['handed_back', 1]);
  const second = await placedJob();
  const stolen = await run(second, 1, { steals: true });
  assert.deepEqual([stolen.end, stolen.dropped], ['dropped', 0]);
  const { redis: client, keys } = ledger;
  assert.equal(await client.hget(keys.entry(second), 'holder'), 'w3', 'the other goes on');
});

test('what a day has too little left for is handed back and does not come back for a minute', async () => {
  const id = await placedJob();
  assert.equal((await run(id, 1, { usedUp: true })).end, 'handed_back');
  const waiting = await readWaiting(ledger, id);
  assert.deepEqual(waiting?.shunned, { deployment: 'mini', until: NOW + 60_000 });
  const turned = await placedJob();
  await run(turned, 1, { turnsAway: true });
  assert.equal((await readWaiting(ledger, turned))?.shunned, null);
});

test('lines whose input file is gone fail without a call', async () => {
  const batch = makeId('batch', randomBytes(16));
  const id = `${batch}~0.0`;
  const { redis: client, keys } = ledger;
  await client.hset(keys.batch(batch), {
    endpoint: '/v1/chat/completions',
    input_store: 'files/gone',
  });
  await client.hset(keys.chunk(id), {
    status: 'queued',
    epoch: 1,
    batch,
    pool: 'fast',
    left: 2,
    lines: JSON.stringify([
      [3, 0, 10, 40, -1],
      [7, 11, 10, 40, -1],
    ]),
    history: '',
    priority: 'low',
    created: NOW,
  });
  const { end, called, stored } = await run(id, 1);
  assert.equal(end, 'done');
  assert.deepEqual(called, []);
  assert.deepEqual(
    stored.map(({ call, result }) => [call.line, call.customId, result.outcome]),
    [
      [3, null, 'bad_request'],
      [7, null, 'bad_request'],
    ],
  );
});
