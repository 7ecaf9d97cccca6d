import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Waiting } from '@sluice/ledger';
import { AgainBook } from './again-book.ts';
import { drainingOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { exampleClass, fleetOf, pictureOf } from './example-fleet.ts';
import { NOWHERE } from './paid-again.ts';

const FLEET = fleetOf(`
deployments:
  cheap: { provider: p, model: m, default_max_tokens: 100, price: { input: 0, output: 100 } }
  dear: { provider: p, model: m, default_max_tokens: 100, price: { input: 0, output: 1000 } }
pools: { fast: [cheap, dear] }
`);

const chunk = (id: string, over: Partial<Waiting> = {}): Waiting =>
  ({
    id,
    batch: 'b',
    pool: 'fast',
    deployment: 'cheap',
    jobs: 1,
    characters: 40,
    maxOutput: null,
    ...over,
  }) as Waiting;

const batchOf = (maxCostUsd: number | null): Draining =>
  drainingOf({
    id: 'b',
    tenant: 't',
    priority: 'low',
    maxTier: null,
    createdAt: 0,
    expiresAt: 60_000,
    classes: [exampleClass({ jobs: 10, characters: 400, unsetOutput: 10 })],
    cursors: [10],
    fed: 0,
    completed: 0,
    failed: 0,
    maxCostUsd,
    costUsd: 0,
    usage: { input: 0, output: 0 },
  });

/** A batch of ten lines, all fed to the cheap one at 0.01 USD each at most; the dear one would take 0.1. */
function start(maxCostUsd: number | null) {
  const batch = batchOf(maxCostUsd);
  const released: string[] = [];
  const book = new AgainBook({
    picture: pictureOf(FLEET, 0),
    chooser: { membersOf: () => ['cheap', 'dear'] },
    find: (id) => (id === 'b' ? batch : undefined),
    waits: () => 0,
    release: (ids) => void released.push(...ids),
  });
  book.allRead();
  for (let i = 0; i < 10; i += 1) book.placed(chunk(`${i}`), 'cheap');
  batch.fed = 10;
  return { book, released };
}

/** A term that begins: one batch is read when a test says so. */
function begin(maxCostUsd: number | null) {
  const read = new Map<string, Draining>();
  const released: string[] = [];
  const book = new AgainBook({
    picture: pictureOf(FLEET, 0),
    chooser: { membersOf: () => ['cheap', 'dear'] },
    find: (id) => read.get(id),
    waits: () => 0,
    release: (ids) => void released.push(...ids),
  });
  return { book, released, readBatch: () => read.set('b', batchOf(maxCostUsd)) };
}

test('lines go where what is left pays for them, and what they take there is kept', () => {
  const { book } = start(0.2);
  const among = (of: Waiting): string[] | null => {
    const paid = book.paid(of);
    return paid && [...paid.among];
  };
  assert.equal(among(chunk('a')), null, '0.19 USD of 0.2');
  book.placed(chunk('a'), 'dear');
  book.moved(chunk('a'));
  assert.deepEqual(among(chunk('b')), ['cheap'], '0.19 are kept');
  book.placed(chunk('a', { deployment: 'dear' }), 'cheap');
  book.moved(chunk('a', { deployment: 'dear' }));
  assert.equal(among(chunk('b')), null, 'it has left the dear one');
  assert.equal(among(chunk('j', { batch: null })), null, 'a job');
  assert.equal(among(chunk('o', { batch: 'other' })), null, 'a batch that nobody drains');
});

test('without a ceiling lines go anywhere', () => {
  assert.equal(start(null).book.paid(chunk('a')), null);
});

test('those that wait are asked for when it is looked up, and of a paused batch when it goes on', () => {
  const { book, released } = start(0.1);
  book.hold(chunk('a'));
  assert.ok(book.holds('b'));
  book.look('other');
  assert.deepEqual(released, []);
  book.look('b');
  assert.deepEqual(released, ['a']);
  assert.ok(!book.holds('b'));
  book.rest('b');
  assert.equal(book.paid(chunk('a'))?.among.size, 0);
  book.hold(chunk('a'));
  book.look('b');
  assert.deepEqual(released, ['a'], 'it is paused');
  book.goOn('b');
  assert.deepEqual(released, ['a', 'a']);
});

test('what waits of a batch is told: its lines, and what they cost at most where they are cheapest', () => {
  const { book } = start(0.1);
  assert.equal(book.heldOf('b'), null);
  book.hold(chunk('a', { jobs: 3 }));
  book.hold(chunk('b'));
  book.hold(chunk('b'));
  const { lines, usd } = book.heldOf('b') ?? assert.fail();
  assert.equal(lines, 4);
  assert.ok(Math.abs(usd - 0.04) < 1e-9, `${usd}`);
  book.look('b');
  assert.equal(book.heldOf('b'), null);
});

test('lines of a batch that is not read yet wait until it is: it may have a ceiling', () => {
  for (const maxCostUsd of [0.2, null]) {
    const { book, released, readBatch } = begin(maxCostUsd);
    assert.deepEqual(book.paid(chunk('a')), NOWHERE);
    assert.equal(book.paid(chunk('j', { batch: null })), null, 'a job waits for no batch');
    book.hold(chunk('a'));
    readBatch();
    book.goOn('b');
    assert.deepEqual(released, ['a']);
    assert.notDeepEqual(book.paid(chunk('a')), NOWHERE);
  }
});

test('once all are read, those of batches that nobody drains go anywhere, and those of paused ones rest', () => {
  const { book, released } = begin(null);
  const ofPaused = chunk('p', { batch: 'paused' });
  for (const one of [chunk('a'), ofPaused]) {
    assert.deepEqual(book.paid(one), NOWHERE);
    book.hold(one);
  }
  book.rest('paused');
  book.allRead();
  assert.deepEqual(released, ['a']);
  assert.equal(book.paid(chunk('a')), null);
  assert.deepEqual(book.paid(ofPaused), NOWHERE);
});
