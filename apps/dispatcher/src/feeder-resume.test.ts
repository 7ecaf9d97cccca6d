/** Feeding goes on from what the record says, against a real Redis: also where it changes while a chunk is on its way. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Spills } from '@sluice/balancing';
import type { Turn } from '@sluice/fairness';
import { moveBatch, readBatch } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { Chooser } from './chooser.ts';
import { ClassIndexes } from './batch/class-indexes.ts';
import { pictureOf } from './example-fleet.ts';
import { Feeder } from './feeder.ts';
import type { FeederPorts } from './feeder.ts';
import { LengthsBook } from './lengths-book.ts';
import { PlanBook } from './plan-book.ts';
import { Desk } from './test-desk.ts';
import { TurnBook } from './turn-book.ts';

let desk: Desk;
before(async () => {
  desk = await Desk.open();
});
after(() => desk.close());

const fail = (what: string, error: unknown): never => assert.fail(`${what}: ${String(error)}`);

function feederOf(
  onError: (what: string, error: unknown) => void = fail,
  picture = pictureOf(desk.fleet, desk.time),
  over: Partial<FeederPorts> = {},
): Feeder {
  const { fleet, ledger, store } = desk;
  const now = (): number => desk.time;
  const depth = { depthMs: 1_000, unlimitedDepth: 100, chunkMs: 100, chunkJobs: 8 };
  return new Feeder({
    ledger,
    store,
    picture,
    chooser: new Chooser({ fleet, picture, depth, now, random: () => 0.5 }),
    turns: new TurnBook({ fleet, tenants: [], linesOut: () => 0, linesWaiting: () => 0, now }),
    lengths: new LengthsBook(now),
    book: new PlanBook({
      problem: () => assert.fail('no plan is asked for'),
      solve: () => assert.fail('no plan is made'),
      waiting: () => null,
      onPlan: () => undefined,
      onError: fail,
      now,
    }),
    spills: new Spills(fleet.pools),
    pump: () => undefined,
    queue: () => desk.run,
    leaderToken: 1,
    windowLines: 1_000,
    now,
    onError,
    ...over,
  });
}

/** A batch in progress of so many lines, indexed. */
async function indexed(lines: number, over: { maxCostUsd?: number } = {}): Promise<string> {
  const id = await desk.validatingBatch(over);
  const indexes = new ClassIndexes(desk.store, id);
  const shape = { characters: 40, maxOutput: 8, inputs: 1 };
  for (let line = 1; line <= lines; line++)
    await indexes.add(
      { pool: 'fast', formats: 3, shape },
      { line, offset: line * 100, length: 90 },
    );
  const classes = JSON.stringify(await indexes.commit());
  const set = { total: lines, classes };
  await moveBatch(desk.ledger, id, { from: ['validating'], to: 'in_progress', set });
  return id;
}

const TURN = { item: { band: 'low' }, tenant: 'default', overdue: false } as Turn;

/** Feeds one chunk, once lines are read. */
const feedOne = (feeder: Feeder): Promise<unknown> =>
  until('a chunk to be fed', () => {
    const feeding = feeder.feed();
    const fed = feeding.takeTurn(TURN, 8);
    feeding.end();
    return fed;
  });

const pause = (id: string, paused: '0' | '1') =>
  moveBatch(desk.ledger, id, { from: ['in_progress'], set: { paused } });

test('paused and resumed while a chunk is on its way, a batch goes on draining', async () => {
  const id = await indexed(40);
  const feeder = feederOf();
  const add = async (): Promise<void> => {
    feeder.add((await readBatch(desk.ledger, id)) ?? assert.fail());
    feeder.planned(feeder.draining);
  };
  await add();
  await feedOne(feeder);
  const fed = async () => (await readBatch(desk.ledger, id))?.fed ?? 0;
  await until('it to be fed', async () => (await fed()) === 8 && !feeder.find(id)?.feeding);

  await pause(id, '1');
  const paused = feeder.find(id);
  await feedOne(feeder);
  // Sent behind the chunk, on the same connection: Redis has refused that by then, and nobody here knows it yet.
  void pause(id, '0');
  await add();
  await until('it to drain again, or nobody would look after it for a minute', () => {
    const now = feeder.find(id);
    return now !== undefined && now !== paused;
  });
  feeder.planned(feeder.draining);
  await feedOne(feeder);
  await until('it to be fed', async () => (await fed()) === 16);
});

test('a batch that stays paused leaves', async () => {
  const id = await indexed(40);
  const feeder = feederOf();
  feeder.add((await readBatch(desk.ledger, id)) ?? assert.fail());
  feeder.planned(feeder.draining);
  await pause(id, '1');
  await feedOne(feeder);
  await until('it to leave', () => feeder.find(id) === undefined);
  assert.equal((await readBatch(desk.ledger, id))?.fed, 0);
});

test('a batch whose record cannot be read for a while drains again soon', async () => {
  const id = await indexed(40);
  const told: string[] = [];
  const picture = pictureOf(desk.fleet, desk.time);
  const feeder = feederOf((what) => void told.push(what), picture);
  feeder.add((await readBatch(desk.ledger, id)) ?? assert.fail());
  feeder.planned(feeder.draining);
  const { redis, keys } = desk.ledger;
  const aside = `${keys.batch(id)}:aside`;
  await redis.multi().rename(keys.batch(id), aside).set(keys.batch(id), 'no record').exec();
  await feedOne(feeder);
  await until('the record to be asked for', () => told.includes('reading a batch'));
  assert.equal(
    picture.queued('mini') + picture.queued('other'),
    0,
    'none of it is counted as placed',
  );
  assert.equal(feeder.find(id), undefined);
  await redis.rename(aside, keys.batch(id));
  await until('it to drain again', () => feeder.find(id) !== undefined);
});

const read = async (id: string) => (await readBatch(desk.ledger, id)) ?? assert.fail();

test('what is placed again of a batch with a ceiling rests while the batch is paused', async () => {
  const told: string[] = [];
  const note = (what: string) => (id: string) => void told.push(`${what} ${id}`);
  const again = { holds: () => false, rest: note('rest'), goOn: note('goOn'), look: note('look') };
  const feeder = feederOf(fail, undefined, { again });
  const id = await indexed(40, { maxCostUsd: 1 });
  await pause(id, '1');
  feeder.add(await read(id));
  assert.deepEqual(told, [`rest ${id}`], 'also where another led when it was paused');
  await pause(id, '0');
  const stored = await read(id);
  feeder.add(stored);
  feeder.settle(stored);
  feeder.setAside(stored);
  feeder.remove(id);
  assert.deepEqual(told.slice(1), [`goOn ${id}`, `look ${id}`, `rest ${id}`, `goOn ${id}`]);
  feeder.setAside({ ...stored, maxCostUsd: null });
  assert.deepEqual(told.slice(5), [`goOn ${id}`], 'without a ceiling nothing holds them');
});

test('what waits for a ceiling is all placed again once another is given', async () => {
  const told: string[] = [];
  const note = (what: string) => () => void told.push(what);
  const again = { holds: () => false, rest: note('rest'), goOn: note('goOn'), look: note('look') };
  const feeder = feederOf(fail, undefined, { again });
  const id = await indexed(40, { maxCostUsd: 1 });
  const stored = await read(id);
  feeder.add(stored);
  for (const maxCostUsd of [1, 2, 2, null]) feeder.settle({ ...stored, maxCostUsd });
  assert.deepEqual(told, ['goOn', 'look', 'goOn', 'look', 'goOn']);
});

test('while a batch with a ceiling is read anew, nothing of it is placed again', async () => {
  const told: string[] = [];
  const note = (what: string) => (id: string) => void told.push(`${what} ${id}`);
  const again = { holds: () => false, rest: note('rest'), goOn: note('goOn'), look: note('look') };
  const feeder = feederOf(fail, undefined, { again });
  const id = await indexed(40, { maxCostUsd: 1 });
  feeder.add(await read(id));
  feeder.planned(feeder.draining);
  const first = feeder.find(id);
  // Another has fed since: the cursor stands elsewhere.
  await desk.ledger.redis.hset(desk.ledger.keys.batch(id), { 'cursor:0': 8, fed: 8 });
  await feedOne(feeder);
  await until('it to drain anew', () => ![undefined, first].includes(feeder.find(id)));
  assert.deepEqual(told, [`goOn ${id}`, `rest ${id}`, `goOn ${id}`]);
});

test('a ceiling that is raised or taken away while it holds a batch holds it no more', async () => {
  for (const maxCostUsd of [5, null]) {
    const feeder = feederOf();
    const id = await indexed(40, { maxCostUsd: 1 });
    const stored = await read(id);
    feeder.add(stored);
    const { ceiling } = feeder.find(id) ?? assert.fail();
    (ceiling ?? assert.fail()).held = true;
    feeder.planned(feeder.draining);
    feeder.settle({ ...stored, maxCostUsd });
    assert.equal(feeder.find(id)?.ceiling?.usd ?? null, maxCostUsd);
    await feedOne(feeder);
    await until('it to be fed', async () => (await read(id)).fed === 8);
    feeder.remove(id);
  }
});
