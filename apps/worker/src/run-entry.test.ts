/** What becomes of a delivered entry, against a real Redis: what was lost, is late or cannot be read is never called. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '@sluice/config';
import { localStore } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { makeId, slotOf } from '@sluice/job';
import type { Deployment } from '@sluice/job';
import {
  acceptJob,
  claimEntry,
  connectRedis,
  MISSING_MS,
  openLedger,
  placeEntry,
  readUnread,
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

interface Running {
  now?: number;
  holder?: string;
  steals?: boolean;
  turnsAway?: boolean;
  usedUp?: boolean;
  loader?: CallLoader;
}

/** Runs an entry as a worker called `holder` would; what it called and what it stored without calling. */
async function run(
  id: string,
  epoch: number,
  {
    now = NOW,
    holder = 'w2',
    steals = false,
    turnsAway = false,
    usedUp = false,
    loader,
  }: Running = {},
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
      loader: loader ?? new CallLoader(ledger, store, () => now),
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

/** A chunk of lines 3 and 7 of a file, which stand at bytes 0 and 32, 31 bytes each. */
async function placedChunk(file: string): Promise<string> {
  const batch = makeId('batch', randomBytes(16));
  const id = `${batch}~0.0`;
  const { redis: client, keys } = ledger;
  await client.hset(keys.batch(batch), { endpoint: '/v1/chat/completions', input_store: file });
  await client.hset(keys.chunk(id), {
    status: 'queued',
    epoch: 1,
    batch,
    pool: 'fast',
    left: 2,
    lines: JSON.stringify([
      [3, 0, 31, 40, -1],
      [7, 32, 31, 40, -1],
    ]),
    history: '',
    priority: 'low',
    created: NOW,
  });
  return id;
}

const lineOf = (id: string): string => `{"custom_id":"${id}","body":{}}`;
const INPUT = `${lineOf('line3')}\n${lineOf('line7')}\n`;

const dueAt = async (id: string): Promise<number> =>
  Number(await ledger.redis.zscore(ledger.keys.check(slotOf(id)), id));

test('while the file store cannot be read lines are handed back, for longer each time', async () => {
  // A folder of the file's name: it is there and cannot be read.
  await mkdir(join(folder, 'files', 'away'), { recursive: true });
  const [id, other] = [await placedChunk('files/away'), await placedChunk('files/away')];
  let time = NOW;
  const loader = new CallLoader(ledger, store, () => time);
  const waits: number[] = [];
  for (let epoch = 1; epoch <= 7; epoch++) {
    const { end, called, stored, dropped } = await run(id, epoch, { now: time, loader });
    assert.deepEqual([end, called, stored, dropped], ['handed_back', [], [], 2]);
    waits.push((await dueAt(id)) - time);
    if (epoch === 1) assert.equal((await run(other, 1, { now: time, loader })).end, 'handed_back');
    time += waits.at(-1) as number;
    await place(id, epoch, time);
  }
  assert.deepEqual(waits, [2_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]);
  assert.equal((await dueAt(other)) - NOW, 2_000, 'not for longer because others fail too');
  await rm(join(folder, 'files', 'away'), { recursive: true });
  await writeFile(join(folder, 'files', 'away'), INPUT);
  const { end, called } = await run(id, 8, { now: time, loader });
  assert.deepEqual([end, called.map(({ customId }) => customId)], ['done', ['line3', 'line7']]);
});

test('of a file that was cut short the lines that are not there fail at once, and the others are called', async () => {
  await mkdir(join(folder, 'files'), { recursive: true });
  await writeFile(join(folder, 'files', 'short'), INPUT.slice(0, 50));
  const { end, called, stored } = await run(await placedChunk('files/short'), 1);
  assert.equal(end, 'done');
  assert.deepEqual(
    called.map(({ line, customId }) => [line, customId]),
    [[3, 'line3']],
  );
  assert.deepEqual(
    stored.map(({ call, result }) => [call.line, result.outcome, result.message]),
    [
      [
        7,
        'bad_request',
        'the line cannot be read any more: its input file ends before byte 63, where the line did',
      ],
    ],
  );
});

test('a line in whose place something else stands fails alone', async () => {
  await mkdir(join(folder, 'files'), { recursive: true });
  await writeFile(join(folder, 'files', 'odd'), `${'?'.repeat(31)}\n${lineOf('line7')}\n`);
  const { called, stored } = await run(await placedChunk('files/odd'), 1);
  assert.deepEqual(
    [called.map(({ line }) => line), stored.map(({ call }) => call.line)],
    [[7], [3]],
  );
});

test('lines whose input file is missing are handed back for five minutes, then they fail without a call', async () => {
  const id = await placedChunk('files/gone');
  let time = NOW;
  for (let epoch = 1; time < NOW + MISSING_MS; epoch++) {
    const { end, called, stored } = await run(id, epoch, { now: time, loader: loaderAt(time) });
    assert.deepEqual([end, called, stored], ['handed_back', [], []], `${time - NOW} ms`);
    time = await dueAt(id);
    await place(id, epoch, time);
  }
  const epoch = Number(await ledger.redis.hget(ledger.keys.chunk(id), 'epoch'));
  const { end, called, stored } = await run(id, epoch, { now: time, loader: loaderAt(time) });
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

test('a file that was missing for a while is read when it is back, and nothing is noted of it any more', async () => {
  const id = await placedChunk('files/late');
  const batch = id.split('~')[0] as string;
  const loader = new CallLoader(ledger, store, () => NOW);
  await run(id, 1, { loader });
  assert.equal((await readUnread(ledger, batch, NOW))?.missingSince, NOW);
  await mkdir(join(folder, 'files'), { recursive: true });
  await writeFile(join(folder, 'files', 'late'), INPUT);
  await place(id, 1, NOW);
  assert.equal((await run(id, 2, { loader })).called.length, 2);
  assert.equal(await readUnread(ledger, batch, NOW), null);
});

/** Of another process each time. */
const loaderAt = (time: number): CallLoader => new CallLoader(ledger, store, () => time);
