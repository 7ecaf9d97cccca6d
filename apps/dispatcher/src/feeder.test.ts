/** Lines come from indexes in the file store, which may not answer at times. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Spills } from '@sluice/balancing';
import { createIndex, indexName, localStore } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import type { Ledger, StoredBatch } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { Chooser } from './chooser.ts';
import { fleetOf, pictureOf } from './example-fleet.ts';
import { Feeder } from './feeder.ts';
import { LengthsBook } from './lengths-book.ts';
import { PlanBook } from './plan-book.ts';
import { TurnBook } from './turn-book.ts';

const FLEET = fleetOf(`
deployments: { mini: { provider: p, model: m, limits: { rpm: 600 } } }
pools: { fast: [mini] }
`);
const LINES = 5;
const now = (): number => 1_000;

const BATCH = {
  id: 'batch_1',
  tenant: 'a',
  status: 'in_progress',
  paused: false,
  priority: 'low',
  createdAt: 0,
  expiresAt: 60_000,
  completed: 0,
  failed: 0,
  fed: 0,
  total: LINES,
  cursors: [0],
  maxTier: null,
  usage: { input: 0, cached: 0, output: 0, reasoning: 0 },
  classes: [
    {
      index: 'index-0',
      pool: 'fast',
      formats: 1,
      shape: '1.1',
      jobs: LINES,
      characters: 50,
      maxOutput: 0,
      unsetOutput: LINES,
    },
  ],
} as unknown as StoredBatch;

function feederOf(store: FileStore, onError: (what: string) => void): Feeder {
  const picture = pictureOf(FLEET, now());
  const depth = { depthMs: 1_000, unlimitedDepth: 100, chunkMs: 100, chunkJobs: 32 };
  return new Feeder({
    ledger: {} as Ledger,
    store,
    turns: new TurnBook({
      fleet: FLEET,
      tenants: [],
      linesOut: () => 0,
      linesWaiting: () => 0,
      now,
    }),
    chooser: new Chooser({ fleet: FLEET, picture, depth, now, random: () => 0.5 }),
    picture,
    lengths: new LengthsBook(now),
    book: new PlanBook({
      problem: () => assert.fail('nothing is planned here'),
      solve: () => assert.fail('nothing is planned here'),
      waiting: () => null,
      onPlan: () => undefined,
      onError,
      now,
    }),
    spills: new Spills(FLEET.pools),
    windowLines: 1_000,
    pump: () => undefined,
    queue: () => assert.fail('nothing is fed here'),
    leaderToken: 1,
    onError,
    now,
  });
}

test('an index that could not be read once is read again with the next plan', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-feeder-'));
  const files = localStore(folder);
  t.after(async () => {
    await files.close();
    await rm(folder, { recursive: true });
  });
  const index = await createIndex(files, indexName(BATCH.id, 'index-0'));
  const record = { offset: 0, length: 1, characters: 10, maxOutput: null, formats: 1 };
  for (let line = 1; line <= LINES; line++) await index.add({ line, ...record });
  await index.commit();
  const errors: string[] = [];
  let away = true;
  const readAt: FileStore['readAt'] = (...at) =>
    away ? Promise.reject(new Error('the store does not answer')) : files.readAt(...at);
  const feeder = feederOf({ ...files, readAt }, (what) => errors.push(what));
  feeder.add(BATCH);
  await until('it fails', () => errors.length > 0);
  away = false;
  feeder.planned(feeder.draining);
  const ahead = () => feeder.draining[0]?.classes[0]?.ahead.length;
  await until('its lines are there', () => ahead() === LINES, { timeoutMs: 5_000 });
  assert.deepEqual(errors, ['reading an index']);
});
