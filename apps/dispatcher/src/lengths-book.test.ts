import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '@sluice/testing';
import { classOfChunk, LengthsBook } from './lengths-book.ts';
import type { Asker } from './lengths-book.ts';
import { LengthsKeeper } from './lengths-keeper.ts';
import { Desk } from './test-desk.ts';

let desk: Desk;
before(async () => {
  desk = await Desk.open();
});
after(() => desk.close());

const clock = { now: 1_000_000 };
const bookOf = (): LengthsBook => new LengthsBook(() => clock.now);
const asker = (over: Partial<Asker> = {}): Asker => ({
  pool: 'fast',
  tenant: 'a',
  batch: null,
  lineClass: null,
  ...over,
});
const OTHERWISE = 1_000;
const many = (tokens: number): number[] => Array.from({ length: 500 }, () => tokens);
const onError = (what: string, error: unknown): never => assert.fail(`${what}: ${String(error)}`);
const meanOf = (book: LengthsBook, of: Asker): number => book.likely(of).mean(OTHERWISE);

test('nothing known: what would be expected of anybody', () => {
  const { certainty, mean } = bookOf().likely(asker());
  assert.equal(certainty, 0);
  assert.equal(mean(OTHERWISE), OTHERWISE);
});

test('a batch is expected like its tenant, a tenant like the pool, until they have shown otherwise', () => {
  const book = bookOf();
  book.answered(asker({ tenant: 'b' }), many(400));
  assert.ok(Math.abs(meanOf(book, asker()) - 400) < 20);
  book.answered(asker(), many(40));
  assert.ok(meanOf(book, asker()) < 60);
  const first = asker({ batch: 'batch_1', lineClass: 0 });
  assert.equal(meanOf(book, first), meanOf(book, asker()));
  book.answered(first, many(200));
  book.answered({ ...first, lineClass: 1 }, many(10));
  assert.ok(Math.abs(meanOf(book, first) - 200) < 20);
  assert.ok(Math.abs(meanOf(book, { ...first, lineClass: 1 }) - 10) < 20);
  assert.ok(meanOf(book, asker({ tenant: 'b' })) > 100, 'another tenant has its own');
});

test('a batch that ended is forgotten, what its tenant learnt from it stays', () => {
  const book = bookOf();
  const own = asker({ batch: 'batch_1', lineClass: 0 });
  book.answered(own, many(50));
  const { rows } = book.takeChanges();
  book.forget('batch_1');
  book.takeIn(rows);
  assert.deepEqual(book.takeChanges().gone.toSorted(), ['fast a batch_1', 'fast a batch_1 0']);
  assert.ok(meanOf(book, own) < 80);
});

test('however many ask, a thousand rows are kept, the newest', () => {
  const book = bookOf();
  for (let i = 0; i < 3_000; i++) book.answered(asker({ tenant: `t${i}` }), [10]);
  const { rows, gone } = book.takeChanges();
  assert.equal(Object.keys(rows).length, 1_000);
  assert.ok('fast t2999' in rows && !('fast t0' in rows) && gone.includes('fast t0'));
});

test('what one dispatcher learnt another knows; the newer counts; nothing forgotten comes back', async () => {
  const [one, other] = [bookOf(), bookOf()];
  const { ledger } = desk;
  const keepers = [one, other].map((book) => new LengthsKeeper({ ledger, book, onError }));
  await Promise.all(keepers.map((keeper) => keeper.start()));
  const { batch } = await desk.fedBatch(2);
  const classes = JSON.stringify([{ pool: 'fast' }, { pool: 'smart' }]);
  await ledger.redis.hset(ledger.keys.batch(batch), { classes });
  keepers[0]?.learn(batch, [{ chunk: `${batch}~1.0`, tokens: many(70) }]);
  const of = asker({ pool: 'smart', tenant: 'default', batch, lineClass: 1 });
  await until('the other knows it', () => meanOf(other, of) < 100, { timeoutMs: 15_000 });
  assert.equal(one.likely({ ...of, pool: 'fast' }).certainty, 0);
  other.forget(batch);
  await keepers[1]?.stop();
  await keepers[0]?.stop();
  const fresh = bookOf();
  fresh.takeIn(await ledger.redis.hgetall(ledger.keys.lengths));
  assert.ok(fresh.likely({ ...of, batch: null }).certainty > 0);
});

test('the class of a line stands in the id of its chunk, but for lines that are tried again', () => {
  assert.equal(classOfChunk('batch_x~12.320'), 12);
  assert.equal(classOfChunk('batch_x~r1-0.0'), null);
  assert.equal(classOfChunk('job_x'), null);
});
